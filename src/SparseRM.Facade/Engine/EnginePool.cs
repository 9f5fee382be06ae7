using SparseRM.Models;
using SparseRM.Models.Architectures;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Engine;

/// <summary>The engines of this process: one for each model, backend and way to run, whoever opens it.</summary>
internal static class EnginePool
{
    private static readonly Lock s_gate = new();
    private static readonly Dictionary<string, Entry> s_entries = [];

    /// <summary>An engine and its holders.</summary>
    internal sealed class Entry(string key)
    {
        public readonly string Key = key;
        public readonly TaskCompletionSource<ForwardEngine> Opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public ForwardEngine? Engine;
        public int Holders, OpeningThread;
    }

    /// <summary>The engine for these options, opened where nobody has it; give it back with <see cref="Release"/>.</summary>
    public static Entry Take(BackboneOptions options, string folder, int layer, IProgress<int>? progress, CancellationToken cancel)
    {
        while (true)
        {
            var entry = Hold(options.IsShared ? KeyOf(options, folder) : Guid.NewGuid().ToString(), out bool opens);
            try
            {
                if (opens) OpenInto(entry, options, folder, layer, progress, cancel);
                else if (!Await(entry, cancel)) continue; // whoever opened it failed or gave up: this one tries himself
                Load(entry.Engine!, layer, progress, cancel);
                return entry;
            }
            catch
            {
                Release(entry);
                throw;
            }
        }
    }

    /// <summary>Loads blocks up to a layer; progress is told while nothing is locked.</summary>
    public static void Load(ForwardEngine engine, int layer, IProgress<int>? progress, CancellationToken cancel)
    {
        if (layer >= engine.Model.Config.NLayers) engine.Use(() => engine.Model.Load(layer)); // refuses it
        for (int next = engine.Model.LastLayer + 1; next <= layer; next++)
        {
            int block = next;
            engine.Use(() => engine.Model.Load(block, null, cancel));
            progress?.Report(block + 1);
        }
    }

    private static void OpenInto(Entry entry, BackboneOptions options, string folder, int layer, IProgress<int>? progress, CancellationToken cancel)
    {
        try
        {
            entry.Engine = Open(options, backend => TransformerModel.Open(backend, folder, layer, options.Compute, progress, cancel));
            entry.Opened.SetResult(entry.Engine);
        }
        catch
        {
            lock (s_gate)
            {
                if (s_entries.TryGetValue(entry.Key, out var current) && current == entry) s_entries.Remove(entry.Key);
            }
            entry.Opened.SetCanceled(CancellationToken.None);
            throw;
        }
    }

    /// <returns>False where the opening failed; then the hold is given back.</returns>
    private static bool Await(Entry entry, CancellationToken cancel)
    {
        if (entry.OpeningThread == Environment.CurrentManagedThreadId && !entry.Opened.Task.IsCompleted)
            throw new InvalidOperationException("a model was opened from a callback of its own opening");
        try
        {
            entry.Opened.Task.Wait(cancel);
            return true;
        }
        catch (AggregateException)
        {
            Release(entry);
            return false;
        }
    }

    /// <summary>An engine of its own for a model that lies in no folder.</summary>
    public static Entry Own(BackboneOptions options, ModelConfig config, IWeightSource weights, int layer, IProgress<int>? progress, CancellationToken cancel) => new("")
    {
        Engine = Open(options, backend => TransformerModel.Open(backend, config, weights, layer, options.Compute, progress, cancel)), Holders = 1,
    };

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

    /// <summary>One holder less; the last one closes the engine.</summary>
    public static void Release(Entry entry)
    {
        lock (s_gate)
        {
            if (--entry.Holders > 0) return;
            if (s_entries.TryGetValue(entry.Key, out var current) && current == entry) s_entries.Remove(entry.Key);
        }
        entry.Engine?.Dispose();
    }

    private static Entry Hold(string key, out bool opens)
    {
        lock (s_gate)
        {
            opens = !s_entries.TryGetValue(key, out var entry);
            if (opens) s_entries[key] = entry = new Entry(key) { OpeningThread = Environment.CurrentManagedThreadId };
            entry!.Holders++;
            return entry;
        }
    }

    private static ForwardEngine Open(BackboneOptions options, Func<Backends.Backend, TransformerModel> openModel)
    {
        var backend = BackendCatalog.Open(options.Backend, options.Threads, options.Variants);
        TransformerModel? model = null;
        try
        {
            model = openModel(backend);
            return new ForwardEngine(backend, model, options);
        }
        catch
        {
            model?.Dispose();
            backend.Dispose();
            throw;
        }
    }

    /// <summary>All that decides what an engine is. A folder whose files were replaced is another model, though it has the same path.</summary>
    private static string KeyOf(BackboneOptions options, string folder)
    {
        var files = new DirectoryInfo(folder).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal)
            .Select(file => (file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo) ?? file).Where(file => file.Exists)
            .Select(file => $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}");
        var variants = options.Variants.OrderBy(variant => variant.Key).Select(variant => $"{variant.Key}={variant.Value}");
        string name = options.Backend == "auto" ? BackendCatalog.Auto : options.Backend;
        return string.Join('\n', [Path.GetFullPath(folder), $"{name} {options.Threads} {options.Compute?.Name()} {options.MaxBatchTokens} {options.PrefixCacheBytes} {options.Queue}",
            .. variants, .. files]);
    }
}
