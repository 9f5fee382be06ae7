using SparseRM.Backends;

namespace SparseRM.Conformance;

/// <summary>A variant of an op with the layout of its operands: what every conformance test is run over.</summary>
/// <param name="Backend">The backend's name; <c>cuda:0</c> is the mock driver with the emulated kernels.</param>
/// <param name="Op">The op.</param>
/// <param name="Variant">Its variant.</param>
/// <param name="Strided">Whether tensors are misaligned views with gaps between rows, or dense.</param>
public sealed record OpCase(string Backend, OpKind Op, string Variant, bool Strided)
{
    public Rig Open(int threads = 2) => new(Op, Variant, Strided, threads, Backend);
    public override string ToString() => $"{Backend} {Variant}{(Strided ? " strided" : "")}";
}

/// <summary>The one list of op x variant that tests and benchmarks walk.</summary>
public static class OpCases
{
    private static readonly string[] s_backends = ["cpu", "cuda:0"];

    /// <summary>Copies by tensor maps and products of warpgroups have no emulation: only a GPU of compute capability 9.0 can run them.</summary>
    private const string NotEmulated = "wgmma_tma";

    /// <summary>Variants that this machine can run.</summary>
    public static IEnumerable<string> Supported(OpKind op, string name = "cpu")
    {
        using var backend = BackendCatalog.Open(name, 1);
        return [.. backend.Variants(op).Where(v => v.Supported && v.Name != NotEmulated).Select(v => v.Name)];
    }

    public static TheoryData<OpCase> For(OpKind op)
    {
        var data = new TheoryData<OpCase>();
        foreach (string backend in s_backends)
        {
            foreach (string variant in Supported(op, backend))
            {
                data.Add(new OpCase(backend, op, variant, false));
                data.Add(new OpCase(backend, op, variant, true));
            }
        }
        return data;
    }

    /// <summary>Lengths round every vector width: 1 to 2 * 16 + 1, then around the panel of 64.</summary>
    public static IEnumerable<int> Lengths => [.. Enumerable.Range(1, 33), 47, 48, 49, 63, 64, 65, 127, 130];
}
