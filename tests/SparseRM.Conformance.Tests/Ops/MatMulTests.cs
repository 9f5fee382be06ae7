using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

public class MatMulTests
{
    /// <summary>x, w and the bias random; the bound is c sqrt(n) u sum|x||w|, with x and w rounded as the oracle rounds them.</summary>
    private static void Compare(Rig rig, int rows, int inputs, int outputs, DType weights, DType compute, bool transposed, bool bias)
    {
        var values = rig.Random(inputs * outputs, 0.5f);
        var slice = transposed ? rig.Files.Write(values, weights, inputs, outputs) : rig.Files.Write(values, weights, outputs, inputs);
        var (expected, actual) = rig.Load(compute, new MatrixPart(slice, transposed));
        var x = rig.Random(rows, inputs);
        var y = rig.Empty(rows, outputs);
        var b = bias ? rig.Random(1, outputs) : null;
        var packed = rig.Packed(x, compute);
        rig.Oracle.MatMul(packed.Expected, new Product(expected, b?.Expected, y.Expected));
        rig.Native.MatMul(packed.Actual, new Product(actual, b?.Actual, y.Actual));
        var sizes = Sizes(x.Values, values, rows, inputs, outputs, transposed);
        rig.Check(y, i => Tolerance.Reduction(inputs, 1.02 * sizes[i] + (b is null ? 0 : Math.Abs(b.Values[i % outputs]))));
    }

    /// <summary>sum|x||w| of every output, before rounding to 8 bits, which 1.02 covers.</summary>
    private static float[] Sizes(float[] x, float[] w, int rows, int inputs, int outputs, bool transposed)
    {
        var sizes = new float[rows * outputs];
        for (int r = 0; r < rows; r++)
            for (int o = 0; o < outputs; o++)
                for (int i = 0; i < inputs; i++)
                    sizes[r * outputs + o] += Math.Abs(x[r * inputs + i] * w[transposed ? i * outputs + o : o * inputs + i]);
        return sizes;
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.MatMul, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_for_every_length_and_dtype(OpCase c)
    {
        (DType Weights, DType Compute)[] few = [(DType.F32, DType.F32), (DType.F16, DType.F32), (DType.BF16, DType.BF16)];
        foreach (var (weights, compute) in c.Sample([.. few, (DType.BF16, DType.F32), (DType.F32, DType.BF16), (DType.F16, DType.BF16)], few))
        {
            using var rig = c.Open();
            int rows = 1;
            foreach (int length in c.Lengths)
            {
                Compare(rig, rows, length, 3, weights, compute, false, true);
                Compare(rig, rows, 5, length, weights, compute, true, false);
                rows = rows % 13 + 1;
            }
        }
    }

    [Theory(SkipTestWithoutData = true), MemberData(nameof(OpCases.OfFastBackends), OpKind.MatMul, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle_at_real_sizes(OpCase c)
    {
        foreach (var compute in new[] { DType.F32, DType.BF16 })
        {
            using var rig = c.Open();
            Compare(rig, 7, 2304, 576, DType.BF16, compute, false, false);  // part of Gemma-2-2B's up projection
            Compare(rig, 1, 9216, 256, DType.F32, compute, false, true);    // its down projection
        }
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.MatMul, MemberType = typeof(OpCases))]
    public void Products_of_one_operand_are_those_that_it_has_alone(OpCase c)
    {
        foreach (var compute in new[] { DType.F32, DType.BF16 })
        {
            using var rig = c.Open(3);
            const int Rows = 100, Inputs = 90;
            var x = rig.Packed(rig.Random(Rows, Inputs), compute).Actual;
            var products = new List<Product>();
            foreach (int outputs in new[] { 200, 1, 130 })
            {
                var w = rig.Load(compute, new MatrixPart(rig.Files.Write(rig.Random(outputs * Inputs), DType.BF16, outputs, Inputs))).Actual;
                products.Add(new Product(w, outputs == 1 ? null : rig.Random(1, outputs).Actual, rig.Guarded(Rows, outputs)));
            }
            rig.Native.MatMul(x, [.. products]);
            foreach (var product in products)
            {
                var alone = product with { Y = rig.Guarded(Rows, product.W.Outputs) };
                rig.Native.MatMul(x, alone);
                TensorAssert.SameBits(Rig.Read(rig.Native, alone.Y), Rig.Read(rig.Native, product.Y));
            }
            rig.CheckGuards();
        }
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.MatMul, MemberType = typeof(OpCases))]
    public void Stacks_parts_along_their_outputs(OpCase c)
    {
        using var rig = c.Open();
        var (a, b, d) = (rig.Random(30 * 21), rig.Random(70 * 21), rig.Random(5 * 21));
        MatrixPart[] parts =
        [
            new(rig.Files.Write(a, DType.BF16, 30, 21)), new(rig.Files.Write(b, DType.F32, 21, 70), true), new(WeightFiles.Stream(d, DType.F16, 5, 21)),
        ];
        foreach (var compute in new[] { DType.F32, DType.BF16 })
        {
            var (expected, actual) = rig.Load(compute, parts);
            var x = rig.Random(8, 21);
            var y = rig.Empty(8, 105);
            var packed = rig.Packed(x, expected.Compute);
            rig.Oracle.MatMul(packed.Expected, new Product(expected, null, y.Expected));
            rig.Native.MatMul(packed.Actual, new Product(actual, null, y.Actual));
            rig.Check(y, _ => Tolerance.Reduction(21, 21));
        }
    }

    [Theory, MemberData(nameof(OpCases.BatchInvariant), OpKind.MatMul, MemberType = typeof(OpCases))]
    public void A_row_has_the_same_bits_alone_in_any_batch_and_on_any_threads(OpCase c)
    {
        foreach (var (weights, compute) in new[] { (DType.BF16, DType.BF16), (DType.BF16, DType.F32), (DType.F32, DType.F32) })
        {
            using var one = c.Open(1);
            using var three = c.Open(3);
            const int Rows = 23, Inputs = 301, Outputs = 200;
            var slice = one.Files.Write(one.Random(Inputs * Outputs), weights, Outputs, Inputs);
            var (x, y) = (one.Random(Rows, Inputs), one.Guarded(Rows, Outputs));
            one.Native.MatMul(one.Packed(x, compute).Actual, new Product(one.Load(compute, new MatrixPart(slice)).Actual, null, y));
            var all = Rig.Read(one.Native, y);
            var w = three.Load(compute, new MatrixPart(slice)).Actual;
            var copy = three.Pair(Rows, Inputs, x.Values);
            foreach (int count in c.Sample([1, 2, 3, 4, 5, 6, 7, 8, 13, 18, 23], [1, 5, 18]))
            {
                for (int first = 0; first + count <= Rows; first += count)
                {
                    var part = three.Guarded(count, Outputs);
                    var operand = three.Operand(count, Inputs, compute).Actual;
                    three.Native.Pack(copy.Actual.RowRange(first, count), operand);
                    three.Native.MatMul(operand, new Product(w, null, part));
                    TensorAssert.SameBits(all.AsSpan(first * Outputs, count * Outputs), Rig.Read(three.Native, part));
                }
            }
        }
    }

    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void Every_variant_serves_a_matrix_that_was_loaded_before_it_was_selected(string backend)
    {
        foreach (string variant in OpCases.Supported(backend, OpKind.MatMul))
        {
            using var rig = new Rig(backend, false, 1);
            var (expected, actual) = rig.Load(DType.BF16, new MatrixPart(rig.Files.Write(rig.Random(40 * 70), DType.BF16, 70, 40)));
            rig.Native.Select(OpKind.MatMul, variant);
            var (x, y) = (rig.Random(4, 40), rig.Empty(4, 70));
            var packed = rig.Packed(x, expected.Compute);
            rig.Oracle.MatMul(packed.Expected, new Product(expected, null, y.Expected));
            rig.Native.MatMul(packed.Actual, new Product(actual, null, y.Actual));
            rig.Check(y, _ => Tolerance.Reduction(40, 40));
        }
    }

    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void Bf16_weights_stay_bf16_under_f32_compute(string backend)
    {
        using var rig = new Rig(backend, false, 1);
        var values = rig.Random(64 * 32);
        var halves = rig.Load(DType.F32, new MatrixPart(rig.Files.Write(values, DType.BF16, 64, 32))).Actual;
        var singles = rig.Load(DType.F32, new MatrixPart(rig.Files.Write(values, DType.F32, 64, 32))).Actual;
        Assert.Equal(64 * 32 * 2, halves.ResidentBytes);
        Assert.Equal(64 * 32 * 4, singles.ResidentBytes);
    }
}
