using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Interop;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

/// <summary>Products in int8 on the processor: sums are exact and the scaling has one order, so every variant has the oracle's bits.</summary>
public class Int8Tests
{
    private const DType I8 = DType.I8;

    /// <summary>Variants of MatMul that this machine runs on dense and strided views.</summary>
    public static readonly TheoryData<OpCase> Cases =
        [.. from variant in OpCases.Supported(TestedBackends.Cpu, OpKind.MatMul)
            from strided in new[] { false, true }
            select new OpCase(TestedBackends.Cpu, OpKind.MatMul, variant, strided)];

    public static readonly TheoryData<string> Others = [.. TestedBackends.Names.Where(name => name != TestedBackends.Cpu)];

    private static MatrixPart Part(Rig rig, float[] values, DType dtype, int outputs, int inputs) => new(rig.Files.Write(values, dtype, outputs, inputs));

    [Theory, MemberData(nameof(Cases))]
    public void Products_have_the_bits_of_the_oracle_for_every_length_and_dtype(OpCase c)
    {
        using var rig = c.Open(3);
        int rows = 1, at = 0;
        DType[] types = [DType.F32, DType.BF16, DType.F16];
        foreach (int length in c.Lengths)
        {
            Compare(rig, rows, length, 3, types[at++ % 3]);
            Compare(rig, 7, 6, length, types[at % 3]);
            rows = rows % 13 + 1;
        }
        Compare(rig, 40, 300, 200, DType.BF16);
        // Tiles are 16 rows of 64 inputs.
        foreach (int many in new[] { 15, 16, 17, 32, 33, 48, 49, 100 })
            foreach (int inputs in new[] { 64, 65, 301 }) Compare(rig, many, inputs, 70 + (inputs % 2), types[at++ % 3]);
    }

    [Theory, MemberData(nameof(Cases))]
    public void Products_over_more_inputs_than_a_cache_holds_have_the_bits_of_the_oracle(OpCase c)
    {
        using var rig = c.Open();
        // All as large as they come and of one sign: the largest sums that there are.
        foreach (int rows in new[] { 2, 17 })
        {
            Compare(rig, rig.Pair(rows, 20_000, [.. Enumerable.Repeat(3f, rows * 20_000)]), [.. Enumerable.Repeat(-2f, 20_000 * 2)], 2, DType.F32, true);
            Compare(rig, rows, 20_001, 5, DType.F16);
            Compare(rig, rows, 2100, 520, DType.BF16);
        }
    }

    private static void Compare(Rig rig, int rows, int inputs, int outputs, DType weights) =>
        Compare(rig, rig.Random(rows, inputs, 5), rig.Random(outputs * inputs, 0.5f), outputs, weights, bias: outputs % 2 == 1);

    private static void Compare(Rig rig, TensorPair x, float[] values, int outputs, DType weights, bool bias)
    {
        var (expected, actual) = rig.Load(I8, Part(rig, values, weights, outputs, x.Columns));
        var y = rig.Empty(x.Rows, outputs);
        var b = bias ? rig.Random(1, outputs) : null;
        var packed = rig.Packed(x, I8);
        rig.Oracle.MatMul(packed.Expected, new Product(expected, b?.Expected, y.Expected));
        rig.Native.MatMul(packed.Actual, new Product(actual, b?.Actual, y.Actual));
        TensorAssert.SameBits(OneNaN(rig.Expected(y)), OneNaN(rig.Actual(y)));
        rig.CheckGuards();
    }

    /// <summary>Which of its bits a NaN has says nothing.</summary>
    private static float[] OneNaN(float[] values) => [.. values.Select(value => float.IsNaN(value) ? float.NaN : value)];

    [Theory, MemberData(nameof(Cases))]
    public void A_row_has_the_same_bits_alone_in_any_batch_and_on_any_threads(OpCase c)
    {
        const int Rows = 23, Inputs = 301, Outputs = 200;
        using var one = c.Open(1);
        using var three = c.Open(3);
        var part = Part(one, one.Random(Inputs * Outputs), DType.BF16, Outputs, Inputs);
        var (x, y) = (one.Random(Rows, Inputs), one.Guarded(Rows, Outputs));
        one.Native.MatMul(one.Packed(x, I8).Actual, new Product(one.Load(I8, part).Actual, null, y));
        float[] all = Rig.Read(one.Native, y);
        var w = three.Load(I8, part).Actual;
        foreach (int count in new[] { 1, 2, 5, 6, 7, 13, 16, 17, Rows })
        {
            for (int first = 0; first + count <= Rows; first += count)
            {
                var rows = three.Guarded(count, Outputs);
                three.Native.MatMul(three.Packed(three.Pair(count, Inputs, x.Values[(first * Inputs)..((first + count) * Inputs)]), I8).Actual, new Product(w, null, rows));
                TensorAssert.SameBits(all.AsSpan(first * Outputs, count * Outputs), Rig.Read(three.Native, rows));
            }
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void What_writes_an_operand_rounds_it_as_Pack_rounds_its_values(OpCase c)
    {
        using var rig = c.Open(3);
        foreach (var op in new[] { OpKind.Pack, OpKind.AddRmsNorm, OpKind.Attention, OpKind.GatedMatMul, OpKind.GatedActivation }) rig.SelectNamesake(op, c.Variant);
        foreach (var (rows, columns) in new[] { (1, 8), (7, 96), (50, 280) })
        {
            var (x, weight) = (rig.Random(rows, columns, 3), rig.Random(1, columns));
            Same(rig, rows, columns, y => rig.Native.AddRmsNorm(x.Actual, null, null, weight.Actual, 1e-6f, 1, y));
            var (gate, up) = (rig.Random(rows, columns), rig.Random(rows, columns));
            foreach (var kind in Enum.GetValues<GatedActivationKind>())
                Same(rig, rows, columns, y => rig.Native.GatedActivation(gate.Actual, up.Actual, kind, y));
            var attention = new AttentionOptions(2, 1, columns / 2, 0.3f, 0, 0);
            var (q, k, v) = (rig.Random(rows, columns), rig.Random(rows, columns / 2), rig.Random(rows, columns / 2));
            // In int8 attention is what it is in bf16, before that is rounded; where its products are of f32, so it is in f32.
            if (rig.Native.Variants(OpKind.Attention).Single(variant => variant.Selected).Name != "avx512_bf16")
            {
                Same(rig, rows, columns, y => rig.Native.Attention(
                    q.Actual, k.Actual, v.Actual, [.. Enumerable.Range(0, rows)], [new AttentionSegment(0, rows, 0, 0, 0, rows)], attention, y));
            }
        }
    }

    /// <summary>The op written to int8, and written as floats and packed.</summary>
    private static void Same(Rig rig, int rows, int columns, Action<Operand> write)
    {
        var (rounded, floats, packed) = (rig.Operand(rows, columns, I8).Actual, rig.Operand(rows, columns, DType.F32).Actual, rig.Operand(rows, columns, I8).Actual);
        write(rounded);
        write(floats);
        rig.Native.Pack(rig.Pair(rows, columns, rig.Read(rig.Native, floats)).Actual, packed);
        TensorAssert.SameBits(rig.Read(rig.Native, packed), rig.Read(rig.Native, rounded));
        rig.CheckGuards();
    }

    [Theory, MemberData(nameof(Cases))]
    public void Fused_equals_composed(OpCase c)
    {
        using var rig = c.Open(3);
        foreach (var op in new[] { OpKind.GatedMatMul, OpKind.GatedActivation }) rig.SelectNamesake(op, c.Variant);
        // The fused op takes the widest activation that runs where its product does.
        string activation = c.Variant.Split('_')[0] switch { "amx" => "avx512", "avx" => "avx2", var name => name };
        rig.Native.Select(OpKind.GatedActivation, activation);
        foreach (var (rows, inputs, outputs) in new[] { (1, 5, 3), (9, 64, 130), (600, 50, 70) })
        {
            var x = rig.Packed(rig.Random(rows, inputs, 2), I8).Actual;
            var (gate, up) = (rig.Load(I8, Part(rig, rig.Random(inputs * outputs), DType.F32, outputs, inputs)).Actual,
                rig.Load(I8, Part(rig, rig.Random(inputs * outputs), DType.BF16, outputs, inputs)).Actual);
            var (g, u) = (rig.Guarded(rows, outputs), rig.Guarded(rows, outputs));
            var (fused, composed) = (rig.Operand(rows, outputs, I8).Actual, rig.Operand(rows, outputs, I8).Actual);
            rig.Native.MatMul(x, new Product(gate, null, g), new Product(up, null, u));
            rig.Native.GatedActivation(g, u, GatedActivationKind.GeluTanh, composed);
            rig.Native.GatedMatMul(x, gate, up, GatedActivationKind.GeluTanh, fused);
            TensorAssert.SameBits(rig.Read(rig.Native, composed), rig.Read(rig.Native, fused));
            rig.CheckGuards();
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Rows_that_are_not_finite_give_NaN_alone_and_rows_of_nothing_give_the_bias(OpCase c)
    {
        const int Inputs = 40;
        using var rig = c.Open();
        rig.SelectNamesake(OpKind.Pack, c.Variant);
        foreach (int rows in new[] { 6, 18 })
        {
            float[] values = rig.Random(rows * Inputs);
            (values[Inputs + 39], values[(3 * Inputs) + 8]) = (float.NaN, float.NegativeInfinity);
            for (int i = 0; i < Inputs; i++) (values[(2 * Inputs) + i], values[(4 * Inputs) + i]) = (0, 1e-40f * (i % 3));
            Compare(rig, rig.Pair(rows, Inputs, values), rig.Random(3 * Inputs), 3, DType.F32, bias: true);
            var (w, b, y) = (rig.Load(I8, Part(rig, rig.Random(Inputs), DType.F32, 1, Inputs)).Actual, rig.Pair(1, 1, [2.5f]), rig.Guarded(rows, 1));
            rig.Native.MatMul(rig.Packed(rig.Pair(rows, Inputs, values), I8).Actual, new Product(w, b.Actual, y));
            float[] products = Rig.Read(rig.Native, y);
            Assert.Equal([1, 3], Enumerable.Range(0, rows).Where(row => float.IsNaN(products[row])));
            Assert.Equal([2.5f, 2.5f], [products[2], products[4]]);
        }
    }

    [Fact]
    public void Stacks_parts_and_keeps_a_byte_for_each_weight()
    {
        using var rig = new Rig(TestedBackends.Cpu, false, 2);
        float[][] values = [rig.Random(30 * 21), rig.Random(70 * 21), rig.Random(28 * 21)];
        MatrixPart[] parts = [Part(rig, values[0], DType.BF16, 30, 21), Part(rig, values[1], DType.F32, 70, 21), new(WeightFiles.Stream(values[2], DType.F16, 28, 21))];
        var (expected, actual) = rig.Load(I8, parts);
        Assert.Equal((128 * 24) + (128 * 8), actual.ResidentBytes);
        var (x, y) = (rig.Packed(rig.Random(8, 21), I8), rig.Empty(8, 128));
        rig.Oracle.MatMul(x.Expected, new Product(expected, null, y.Expected));
        rig.Native.MatMul(x.Actual, new Product(actual, null, y.Actual));
        TensorAssert.SameBits(rig.Expected(y), rig.Actual(y));
    }

    [Fact]
    public void Refuses_weights_that_are_not_finite_too_wide_or_transposed()
    {
        using var rig = new Rig(TestedBackends.Cpu, false, 2);
        float[] values = rig.Random(70 * 90);
        values[4321] = float.NaN;
        foreach (var dtype in new[] { DType.F32, DType.BF16, DType.F16 })
        {
            var error = Assert.Throws<ModelFormatException>(() => rig.Native.LoadMatrix([Part(rig, values, dtype, 70, 90)], I8));
            Assert.Contains("has NaN at element 4321; weights must be finite", error.Message);
        }
        var wide = new float[OpChecks.MostInputsInI8 + 1];
        Assert.Contains("products in I8 take at most 66304", Assert.Throws<ShapeMismatchException>(() => rig.Native.LoadMatrix([Part(rig, wide, DType.F32, 1, wide.Length)], I8)).Message);
        Assert.Contains("is transposed", Assert.Throws<ShapeMismatchException>(() => rig.Native.LoadMatrix([Part(rig, wide[..6], DType.F32, 2, 3) with { IsTransposed = true }], I8)).Message);
    }

    [Theory(SkipTestWithoutData = true), MemberData(nameof(Others))]
    public void Other_backends_refuse_it(string backend)
    {
        using var rig = new Rig(backend, false, 1);
        var error = Assert.Throws<BackendException>(() => rig.Native.LoadMatrix([Part(rig, [1, 2], DType.F32, 1, 2)], I8));
        Assert.Equal($"{rig.Native.Name}: products in I8 are computed by backend cpu alone; use that, or dtype bf16 or f32", error.Message);
    }

    [Fact]
    public void A_processor_without_AVX2_refuses_it()
    {
        KernelVariant[] plain = [new("scalar", true, true), new("avx2", false, false)];
        Assert.Equal("products in I8 need a processor with AVX2, which this one lacks; use dtype bf16 or f32", NativeBackend.RefusalOfI8(plain));
        Assert.Null(NativeBackend.RefusalOfI8([plain[0], plain[1] with { Supported = true }]));
    }
}
