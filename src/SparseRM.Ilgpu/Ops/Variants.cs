using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Ilgpu.Devices;

namespace SparseRM.Ilgpu.Ops;

/// <summary>One way to compute an op.</summary>
/// <param name="Name">What it does: <c>naive</c>, <c>tiled</c>, <c>mma_sync</c>.</param>
/// <param name="Supported">Whether this device can run it.</param>
/// <param name="Run">How; what it is depends on the op.</param>
internal sealed record Variant<TRun>(string Name, bool Supported, TRun Run);

/// <summary>The variants of an op as the backend shows and selects them.</summary>
internal interface IVariants
{
    /// <summary>The op.</summary>
    OpKind Op { get; }

    /// <summary>In the order of the table, slowest first.</summary>
    IReadOnlyList<KernelVariant> List { get; }

    /// <summary>Chooses one by name.</summary>
    /// <exception cref="BackendException">Unknown, or not supported by this device.</exception>
    void Select(string name);
}

/// <summary>The table of an op's variants, slowest first; the last that is supported is the default.</summary>
internal sealed class VariantTable<TRun>(string backend, OpKind op, params Variant<TRun>[] all) : IVariants
{
    private Variant<TRun> _selected = all.Last(variant => variant.Supported);

    /// <inheritdoc/>
    public OpKind Op => op;

    /// <summary>What the selected variant runs.</summary>
    public TRun Run => _selected.Run;

    /// <summary>Its name.</summary>
    public string Selected => _selected.Name;

    /// <inheritdoc/>
    public IReadOnlyList<KernelVariant> List => [.. all.Select(variant => new KernelVariant(variant.Name, variant.Supported, variant == _selected))];

    /// <inheritdoc/>
    public void Select(string name)
    {
        if (all.FirstOrDefault(variant => variant.Name == name && variant.Supported) is { } found)
        {
            _selected = found;
            return;
        }
        string problem = all.Any(variant => variant.Name == name)
            ? $"this device cannot run variant \"{name}\" of {op}"
            : $"{op} has no variant \"{name}\"";
        throw new BackendException(backend, $"{problem}; it can run: {string.Join(", ", all.Where(v => v.Supported).Select(v => v.Name))}");
    }
}

/// <summary>Tables of ops that are computed in one way.</summary>
internal static class VariantTable
{
    /// <summary>A table of one variant, supported everywhere.</summary>
    public static VariantTable<TRun> One<TRun>(IlgpuDevice device, OpKind op, string name, TRun run) =>
        new($"{device.Name}", op, new Variant<TRun>(name, true, run));
}
