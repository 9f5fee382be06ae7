using SparseRM.Backends;

namespace SparseRM.Conformance;

/// <summary>A variant of an op with the layout of its operands: what every conformance test is run over.</summary>
/// <param name="Backend">A name of <see cref="TestedBackends"/>.</param>
/// <param name="Op">The op.</param>
/// <param name="Variant">Its variant.</param>
/// <param name="Strided">Whether tensors are misaligned views with gaps between rows, or dense.</param>
public sealed record OpCase(string Backend, OpKind Op, string Variant, bool Strided)
{
    /// <summary>Lengths round every vector width, as many as the backend is fast enough for.</summary>
    public IEnumerable<int> Lengths => TestedBackends.Lengths(Backend);

    /// <summary>All cases where the backend is fast, on an emulated device those named second.</summary>
    public T[] Sample<T>(T[] all, T[] few) => TestedBackends.IsFast(Backend) ? all : few;

    public Rig Open(int threads = 2) => new(Backend, Op, Variant, Strided, threads);
    public override string ToString() => $"{Backend} {Variant}{(Strided ? " strided" : "")}";
}

/// <summary>The one list of backend x op x variant that tests walk.</summary>
public static class OpCases
{
    /// <summary>Variants that this machine can run.</summary>
    public static IEnumerable<string> Supported(string backend, OpKind op) => Variants(backend, op).Select(v => v.Name);

    public static TheoryData<OpCase> For(OpKind op) => Of(TestedBackends.Names, op);

    /// <summary>Once a variant, for what no layout of the operands can change.</summary>
    public static TheoryData<OpCase> Dense(OpKind op) => [.. For(op).Select(row => row.Data).Where(c => !c.Strided)];

    /// <summary>Of the variants in which a row's bits depend on that row alone.</summary>
    public static TheoryData<OpCase> BatchInvariant(OpKind op) => Of(TestedBackends.Names, op, v => v.BatchInvariant);

    /// <summary>For sizes of real models.</summary>
    public static TheoryData<OpCase> OfFastBackends(OpKind op) => Of(TestedBackends.Names.Where(TestedBackends.IsFast), op);

    private static KernelVariant[] Variants(string backend, OpKind op)
    {
        using var opened = TestedBackends.Open(backend, 1);
        return [.. opened.Variants(op).Where(v => v.Supported)];
    }

    private static TheoryData<OpCase> Of(IEnumerable<string> backends, OpKind op, Func<KernelVariant, bool>? isAsked = null)
    {
        var data = new TheoryData<OpCase>();
        foreach (string backend in backends)
        {
            foreach (var variant in Variants(backend, op).Where(isAsked ?? (_ => true)))
            {
                data.Add(new OpCase(backend, op, variant.Name, false));
                data.Add(new OpCase(backend, op, variant.Name, true));
            }
        }
        return data;
    }
}
