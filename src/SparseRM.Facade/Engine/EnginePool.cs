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
        public readonly Lock Opening = new();
        public ForwardEngine? Engine;
        public int Holders;
    }

    /// <summary>The engine for these options, opened where nobody has it; give it back with <see cref="Release"/>.</summary>
    public static Entry Take(BackboneOptions options, string folder, int layer, IProgress<int>? progress, CancellationToken cancel)
    {
        var entry = Hold(options.IsShared ? KeyOf(options, folder) : Guid.NewGuid().ToString());
        try
        {
            lock (entry.Opening)
            {
                entry.Engine ??= Open(options, backend => TransformerModel.Open(backend, folder, layer, options.Compute, progress, cancel));
                var engine = entry.Engine;
                if (engine.Model.LastLayer < layer) engine.Use(() => engine.Model.Load(layer, progress, cancel));
            }
            return entry;
        }
        catch
        {
            Release(entry);
            throw;
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
        lock (s_gate) entry.Holders++;
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

    private static Entry Hold(string key)
    {
        lock (s_gate)
        {
            if (!s_entries.TryGetValue(key, out var entry)) s_entries[key] = entry = new Entry(key);
            entry.Holders++;
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
