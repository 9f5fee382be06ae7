using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

public class GatedMatMulTests
{
    [Theory, MemberData(nameof(OpCases.For), OpKind.GatedMatMul, MemberType = typeof(OpCases))]
    public void Fused_equals_composed_for_every_width_and_on_any_threads(OpCase c)
    {
        using var rig = c.Open(3);
        rig.SelectNamesake(OpKind.MatMul, c.Variant);
        foreach (var activation in rig.Native.Variants(OpKind.GatedActivation).Where(v => v.Supported))
            if (c.Variant.StartsWith(activation.Name)) rig.Native.Select(OpKind.GatedActivation, activation.Name);
        var kinds = Enum.GetValues<GatedActivationKind>();
        int rows = 1, inputs = 3, turn = 0;
        foreach (int outputs in c.Lengths)
        {
            foreach (var compute in new[] { DType.F32, DType.BF16 })
                foreach (var kind in c.Sample(kinds, [kinds[turn % kinds.Length]]))
                    Compare(rig, kind, rows, inputs, outputs, compute);
            (rows, inputs, turn) = (rows % 13 + 1, (inputs + 29) % 90 + 1, turn + 1);
        }
        foreach (var compute in new[] { DType.F32, DType.BF16 })
        {
            // Rows of one and two outputs are too narrow for 16-byte pieces: an operand's rows are then not padded.
            foreach (int outputs in new[] { 1, 2 }) Compare(rig, GatedActivationKind.Silu, 17, 50, outputs, compute);
            Compare(rig, GatedActivationKind.GeluTanh, 600, 50, 140, compute);
        }
    }

    [Theory, MemberData(nameof(OpCases.For), OpKind.GatedMatMul, MemberType = typeof(OpCases))]
    public void Agrees_with_the_oracle(OpCase c)
    {
        using var rig = c.Open();
        const int Rows = 7, Inputs = 300, Outputs = 130;
        var (expectedGate, actualGate) = Weights(rig, Inputs, Outputs, DType.F32, out var gates);
        var (expectedUp, actualUp) = Weights(rig, Inputs, Outputs, DType.F32, out var ups);
        var x = rig.Random(Rows, Inputs);
        var packed = rig.Packed(x, DType.F32);
        foreach (var kind in Enum.GetValues<GatedActivationKind>())
        {
            var y = rig.Operand(Rows, Outputs, DType.F32);
            rig.Oracle.GatedMatMul(packed.Expected, expectedGate, expectedUp, kind, y.Expected);
            rig.Native.GatedMatMul(packed.Actual, actualGate, actualUp, kind, y.Actual);
            rig.Check(y, i =>
            {
                var (gate, gateSize) = Dot(x.Values, gates, i / Outputs, i % Outputs, Inputs);
                var (up, upSize) = Dot(x.Values, ups, i / Outputs, i % Outputs, Inputs);
                // Every activation has slopes within +-1.13.
                return Tolerance.GatedActivation(gate, up) + 1.13 * Tolerance.Reduction(Inputs, gateSize) * Math.Abs(up)
                    + Math.Abs(gate) * Tolerance.Reduction(Inputs, upSize);
            });
        }
    }

    private static (double Sum, double Size) Dot(float[] x, float[] w, int row, int output, int inputs)
    {
        double sum = 0, size = 0;
        for (int i = 0; i < inputs; i++)
        {
            double term = (double)x[row * inputs + i] * w[output * inputs + i];
            sum += term;
            size += Math.Abs(term);
        }
        return (sum, size);
    }

    private static (Matrix Expected, Matrix Actual) Weights(Rig rig, int inputs, int outputs, DType compute, out float[] values)
    {
        values = [.. rig.Random(inputs * outputs, 0.3f).Select(BFloat16.Round)];
        return rig.Load(compute, new MatrixPart(rig.Files.Write(values, DType.BF16, outputs, inputs)));
    }

    private static void Compare(Rig rig, GatedActivationKind kind, int rows, int inputs, int outputs, DType compute)
    {
        var gate = Weights(rig, inputs, outputs, compute, out _).Actual;
        var up = Weights(rig, inputs, outputs, compute, out _).Actual;
        var x = rig.Packed(rig.Random(rows, inputs, 2), compute).Actual;
        var (fused, composed) = (rig.Operand(rows, outputs, compute).Actual, rig.Operand(rows, outputs, compute).Actual);
        var (g, u) = (rig.Guarded(rows, outputs), rig.Guarded(rows, outputs));
        rig.Native.MatMul(x, new Product(gate, null, g), new Product(up, null, u));
        rig.Native.GatedActivation(g, u, kind, composed);
        rig.Native.GatedMatMul(x, gate, up, kind, fused);
        TensorAssert.SameBits(rig.Read(rig.Native, composed), rig.Read(rig.Native, fused));
        rig.CheckGuards();
    }
}
