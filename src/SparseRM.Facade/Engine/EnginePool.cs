using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Engine;

/// <summary>The models of this process: one host for each model, backend and way to compute, whoever opens it; before it one engine for each settings of queue and caches.</summary>
internal static class EnginePool
{
    private static readonly Lock s_gate = new();
    private static readonly Dictionary<string, HostEntry> s_hosts = [];

    /// <summary>A host; its holders are its engines, and whoever is about to have one.</summary>
    internal sealed class HostEntry(string key)
    {
        public readonly string Key = key;
        public readonly TaskCompletionSource<ModelHost> Opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public readonly List<Entry> Engines = [];
        public ModelHost? Host;
        public int Holders, OpeningThread;
    }

    /// <summary>An engine and its holders.</summary>
    internal sealed class Entry(HostEntry host, EngineSettings settings)
    {
        public readonly HostEntry Host = host;
        public readonly EngineSettings Settings = settings;
        public readonly ForwardEngine Engine = new(host.Host!, settings);
        public int Holders;
    }

    /// <summary>The engine for these options, opened where nobody has it, with blocks 0..layer loaded; give it back with <see cref="Release(Entry)"/>.</summary>
    public static Entry Take(BackboneOptions options, string folder, int layer, IProgress<int>? progress, CancellationToken cancel)
    {
        var compute = options.Compute ?? TransformerModel.ComputeOf(folder);
        while (true)
        {
            var host = Hold(options.IsShared ? ModelKey.Of(options, folder, compute) : Guid.NewGuid().ToString(), out bool opens);
            try
            {
                if (opens) OpenInto(host, options, backend =>
                {
                    RequireVariants(backend, options, compute);
                    return TransformerModel.Open(backend, folder, layer, compute, progress, cancel);
                });
                else if (!Await(host, cancel)) continue; // whoever opened it failed or gave up: this one tries himself
                Load(host.Host!, layer, progress, cancel);
                return EngineOf(host, EngineSettings.Of(options));
            }
            catch
            {
                Release(host);
                throw;
            }
        }
    }

    /// <summary>An engine of its own for a model that lies in no folder.</summary>
    public static Entry Own(BackboneOptions options, ModelConfig config, IWeightSource weights, int layer, IProgress<int>? progress, CancellationToken cancel)
    {
        var host = Hold(Guid.NewGuid().ToString(), out _);
        try
        {
            OpenInto(host, options, backend =>
            {
                var model = TransformerModel.Open(backend, config, weights, layer, options.Compute, progress, cancel);
                try
                {
                    RequireVariants(backend, options, model.Compute);
                    return model;
                }
                catch
                {
                    model.Dispose();
                    throw;
                }
            });
            return EngineOf(host, EngineSettings.Of(options));
        }
        catch
        {
            Release(host);
            throw;
        }
    }

    /// <summary>Loads blocks up to a layer; progress is told while nothing is locked.</summary>
    public static void Load(ModelHost host, int layer, IProgress<int>? progress, CancellationToken cancel)
    {
        if (layer >= host.Model.Config.NLayers) host.Use(() => host.Model.Load(layer)); // refuses it
        for (int next = host.Model.LastLayer + 1; next <= layer; next++)
        {
            int block = next;
            host.Use(() => host.Model.Load(block, null, cancel));
            progress?.Report(block + 1);
        }
    }

    /// <summary>One more holder.</summary>
    public static Entry Share(Entry entry)
    {
        lock (s_gate)
        {
            ObjectDisposedException.ThrowIf(entry.Holders == 0, typeof(Backbone));
            entry.Holders++;
        }
        return entry;
    }

    /// <summary>One holder less; the last one closes the engine, and the host where it was its last.</summary>
    public static void Release(Entry entry)
    {
        lock (s_gate)
        {
            if (--entry.Holders > 0) return;
            entry.Host.Engines.Remove(entry);
        }
        entry.Engine.Dispose();
        Release(entry.Host);
    }

    private static void Release(HostEntry host)
    {
        lock (s_gate)
        {
            if (--host.Holders > 0) return;
            Forget(host);
        }
        host.Host?.Dispose();
    }

    private static HostEntry Hold(string key, out bool opens)
    {
        lock (s_gate)
        {
            opens = !s_hosts.TryGetValue(key, out var host);
            if (opens) s_hosts[key] = host = new HostEntry(key) { OpeningThread = Environment.CurrentManagedThreadId };
            host!.Holders++;
            return host;
        }
    }

    /// <summary>The engine of these settings; whoever holds the host for it holds the engine from now on.</summary>
    private static Entry EngineOf(HostEntry host, EngineSettings settings)
    {
        lock (s_gate)
        {
            var entry = host.Engines.Find(engine => engine.Settings == settings);
            if (entry is null) host.Engines.Add(entry = new Entry(host, settings));
            else host.Holders--;
            entry.Holders++;
            return entry;
        }
    }

    private static void OpenInto(HostEntry host, BackboneOptions options, Func<Backend, TransformerModel> openModel)
    {
        try
        {
            host.Host = Open(options, openModel);
            host.Opened.SetResult(host.Host);
        }
        catch
        {
            lock (s_gate) Forget(host);
            host.Opened.SetCanceled(CancellationToken.None);
            throw;
        }
    }

    private static ModelHost Open(BackboneOptions options, Func<Backend, TransformerModel> openModel)
    {
        var backend = BackendCatalog.Open(options.Backend, options.Threads, options.Variants);
        try
        {
            return new ModelHost(backend, openModel(backend));
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }

    // What was asked for by name computes, or nothing does. An SAE's products have a type of their own.
    private static void RequireVariants(Backend backend, BackboneOptions options, DType compute)
    {
        foreach (var (op, name) in options.Variants)
        {
            if (op == OpKind.SaeEncode || backend.Computing(op, name, compute) is not { } other || other == name) continue;
            var able = backend.Variants(op).Where(one => one.Supported && one.BatchInvariant && backend.Computing(op, one.Name, compute) == one.Name).Select(one => one.Name);
            throw new SparseRMException(ErrorKind.Usage, $"{op.Name()}={name} of the backend {backend.Name} does not compute in {compute.ComputeName()}, "
                + $"{other} would in its place; those that do are {string.Join(", ", able)}");
        }
    }

    /// <returns>False where the opening failed; then the hold is given back.</returns>
    private static bool Await(HostEntry host, CancellationToken cancel)
    {
        if (host.OpeningThread == Environment.CurrentManagedThreadId && !host.Opened.Task.IsCompleted)
            throw new SparseRMException(ErrorKind.Usage, "a model was opened from a callback of its own opening; open it after that call has returned");
        try
        {
            host.Opened.Task.Wait(cancel);
            return true;
        }
        catch (AggregateException)
        {
            Release(host);
            return false;
        }
    }

    private static void Forget(HostEntry host)
    {
        if (s_hosts.TryGetValue(host.Key, out var current) && current == host) s_hosts.Remove(host.Key);
    }
}
