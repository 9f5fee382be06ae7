using SparseRM.Backends;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Conformance;

/// <summary>Weights come into their panels whole or in chunks, from a file or a stream: the matrix is the same.</summary>
public class WeightPackingTests
{
    private const int Rows = 2;

    public static TheoryData<DType, DType, bool> DTypesComputesAndLayouts => new(
        from dtype in new[] { DType.F32, DType.BF16, DType.F16 }
        from compute in new[] { DType.F32, DType.BF16 }
        from transposed in new[] { false, true }
        select (dtype, compute, transposed));

    // Odd inputs, longer than a task's piece of a row, and outputs that begin and end inside a panel; a stream comes in several chunks, of rows
    // that are no multiple of a task's and, where rows are inputs, part pairs of them.
    [Theory, MemberData(nameof(DTypesComputesAndLayouts))]
    public void A_matrix_packed_in_chunks_has_the_bits_of_one_packed_at_once(DType dtype, DType compute, bool transposed)
    {
        const int Inputs = 16_421, Outputs = 70, Before = 30;
        using var rig = new Rig(TestedBackends.Cpu, false, 2);
        var values = rig.Random(Outputs * Inputs, 0.5f);
        long[] shape = transposed ? [Inputs, Outputs] : [Outputs, Inputs];
        var before = new MatrixPart(rig.Files.Write(rig.Random(Before * Inputs), DType.BF16, Before, Inputs));
        var x = rig.Packed(rig.Random(Rows, Inputs), compute);
        var (expected, whole) = rig.Load(compute, before, new MatrixPart(rig.Files.Write(values, dtype, shape), transposed));
        var fromFile = Multiply(rig, x, whole);
        var streamed = rig.Load(compute, before, new MatrixPart(WeightFiles.Stream(values, dtype, shape), transposed)).Actual;
        TensorAssert.SameBits(fromFile, Multiply(rig, x, streamed));

        var y = rig.Empty(Rows, Before + Outputs);
        rig.Oracle.MatMul(x.Expected, new Product(expected, null, y.Expected));
        TensorAssert.Within(rig.Expected(y), fromFile, _ => Tolerance.Reduction(Inputs, Inputs));
    }

    // Outputs that span several pieces of a row where rows are inputs.
    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.BF16)]
    public void Rows_wider_than_a_task_takes_at_once_lie_in_their_panels(DType dtype)
    {
        const int Inputs = 35, Outputs = 33_001;
        using var rig = new Rig(TestedBackends.Cpu, false, 2);
        var slice = rig.Files.Write(rig.Random(Inputs * Outputs), dtype, Inputs, Outputs);
        var (expected, actual) = rig.Load(dtype, new MatrixPart(slice, true));
        var x = rig.Packed(rig.Random(Rows, Inputs), dtype);
        var y = rig.Empty(Rows, Outputs);
        rig.Oracle.MatMul(x.Expected, new Product(expected, null, y.Expected));
        rig.Native.MatMul(x.Actual, new Product(actual, null, y.Actual));
        rig.Check(y, _ => Tolerance.Reduction(Inputs, Inputs));
    }

    private static float[] Multiply(Rig rig, OperandPair x, Matrix w)
    {
        var y = rig.Guarded(Rows, w.Outputs);
        rig.Native.MatMul(x.Actual, new Product(w, null, y));
        return Rig.Read(rig.Native, y);
    }
}
