using SparseRM.Backends;
using SparseRM.Interop;

namespace SparseRM.Conformance;

/// <summary>A variant of an op with the layout of its operands: what every conformance test is run over.</summary>
/// <param name="Op">The op.</param>
/// <param name="Variant">Its variant.</param>
/// <param name="Strided">Whether tensors are misaligned views with gaps between rows, or dense.</param>
public sealed record OpCase(OpKind Op, string Variant, bool Strided)
{
    public Rig Open(int threads = 2) => new(Op, Variant, Strided, threads);
    public override string ToString() => $"cpu {Variant}{(Strided ? " strided" : "")}";
}

/// <summary>The one list of op x variant that tests and benchmarks walk.</summary>
public static class OpCases
{
    /// <summary>Variants that this machine can run.</summary>
    public static IEnumerable<string> Supported(OpKind op)
    {
        using var backend = NativeBackend.Open(1);
        return [.. backend.Variants(op).Where(v => v.Supported).Select(v => v.Name)];
    }

    public static TheoryData<OpCase> For(OpKind op)
    {
        var data = new TheoryData<OpCase>();
        foreach (string variant in Supported(op))
        {
            data.Add(new OpCase(op, variant, false));
            data.Add(new OpCase(op, variant, true));
        }
        return data;
    }

    /// <summary>Lengths round every vector width: 1 to 2 * 16 + 1, then around the panel of 64.</summary>
    public static IEnumerable<int> Lengths => [.. Enumerable.Range(1, 33), 47, 48, 49, 63, 64, 65, 127, 130];
}
