using System.Globalization;
using SparseRM.Backends;
using SparseRM.Errors;

namespace SparseRM.Benchmarking.Ops;

/// <summary>Shapes of one's own: an op and its sizes, each one number or several, all combinations of which are meant.</summary>
/// <remarks>Spelled <c>matmul:rows=1,16,512;inputs=2304;outputs=9216</c>; a shape of one combination has that for its name.</remarks>
public static class OpAxes
{
    private static readonly (OpKind Op, (string Name, int? Default)[] Axes, Func<string, int[], OpShape> Make)[] s_all =
    [
        (OpKind.MatMul, [("rows", null), ("inputs", null), ("outputs", null)], (name, a) => new MatMulShape(name, a[0], a[1], a[2])),
        (OpKind.GatedMatMul, [("rows", null), ("inputs", null), ("outputs", null)],
            (name, a) => new GatedMatMulShape(name, a[0], a[1], a[2], GatedActivationKind.GeluTanh)),
        (OpKind.Attention, s_attention, (name, a) => Attention(name, a)),
        (OpKind.RopeAttention, s_attention, (name, a) => new RopeAttentionShape(name, Attention("", a))),
        (OpKind.AddRmsNorm, [("rows", null), ("columns", null)], (name, a) => new AddRmsNormShape(name, a[0], a[1])),
        (OpKind.Score, [("rows", null), ("d_model", null), ("inputs", 64), ("hidden", 512)], (name, a) => new ScoreShape(name, a[0], a[1], a[2], a[3])),
        (OpKind.SaeEncode, [("rows", null), ("d_in", null), ("d_sae", null), ("k", 64)], (name, a) => new SaeEncodeShape(name, a[0], a[1], a[2], a[3])),
    ];

    private static (string Name, int? Default)[] s_attention => [("sequences", 1), ("length", null), ("heads", null), ("kv_heads", null), ("d_head", null)];

    /// <summary>Whether a text is of this form, and no name of a shape.</summary>
    public static bool Are(string text) => text.Contains(':');

    /// <summary>The axes of each op, for people: <c>matmul:rows;inputs;outputs</c>.</summary>
    public static IReadOnlyList<string> Forms => [.. s_all.Select(op =>
        $"{op.Op.Name()}:{string.Join(';', op.Axes.Select(axis => axis.Default is { } value ? $"[{axis.Name}={value}]" : axis.Name))}")];

    /// <summary>All combinations.</summary>
    /// <exception cref="SparseRMException">The op has no axes, or one is missing, unknown, given twice or not a size.</exception>
    public static IReadOnlyList<OpShape> Parse(string text)
    {
        string name = text[..text.IndexOf(':')];
        var op = s_all.FirstOrDefault(one => one.Op.Name() == name);
        if (op.Axes is null) throw Refusal($"'{name}' is no op with axes; there are {string.Join(", ", s_all.Select(one => one.Op.Name()))}");
        var given = new Dictionary<string, int[]>();
        foreach (string part in text[(name.Length + 1)..].Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part.Split('=') is not [var axis, { Length: > 0 } sizes]) throw Refusal($"'{part}' is not of the form axis=size,size");
            if (op.Axes.All(one => one.Name != axis)) throw Refusal($"{name} has no axis '{axis}'; it has {string.Join(", ", op.Axes.Select(one => one.Name))}");
            if (!given.TryAdd(axis, [.. sizes.Split(',').Select(Size)])) throw Refusal($"the axis '{axis}' is given twice");
        }
        IEnumerable<int[]> all = [[]];
        foreach (var (axis, otherwise) in op.Axes)
        {
            int[] sizes = given.TryGetValue(axis, out var some) ? some : otherwise is { } one ? [one] : throw Refusal($"{name} needs the axis '{axis}'");
            all = all.SelectMany(row => sizes, (row, size) => (int[])[.. row, size]);
        }
        return [.. all.Select(row => op.Make($"{name}:{string.Join(';', op.Axes.Zip(row, (axis, size) => $"{axis.Name}={size}"))}", row))];

        int Size(string word) => int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int size) && size > 0 ? size
            : throw Refusal($"'{word}' is no size, a whole number from 1 on");
    }

    private static AttentionShape Attention(string name, int[] a)
    {
        if (a[2] % a[3] != 0) throw Refusal($"{a[2]} heads cannot share {a[3]} kv_heads");
        return new AttentionShape(name, a[0], a[1], new AttentionOptions(a[2], a[3], a[4], 1 / MathF.Sqrt(a[4]), 0, 0));
    }

    private static SparseRMException Refusal(string problem) => new(ErrorKind.Usage, problem);
}
