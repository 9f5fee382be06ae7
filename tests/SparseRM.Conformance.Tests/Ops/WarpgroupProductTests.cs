using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ops;

/// <summary>Products by warpgroups are not emulated; what leads up to their launch is.</summary>
public class WarpgroupProductTests
{
    [Fact]
    public void Operands_are_described_as_the_driver_asks_before_the_kernel_is_looked_for()
    {
        using var rig = new Rig(TestedBackends.Cuda, OpKind.MatMul, "wgmma_tma", false, 1);
        rig.Native.Select(OpKind.GatedMatMul, "wgmma_tma");
        var w = rig.Load(DType.BF16, new MatrixPart(rig.Files.Write(rig.Random(70 * 40), DType.BF16, 70, 40))).Actual;
        var (x, y) = (rig.Packed(rig.Random(9, 40), DType.BF16).Actual, rig.Operand(9, 70, DType.BF16).Actual);
        // A description that the driver refuses would be the error instead.
        var plain = Assert.Throws<BackendException>(() => rig.Native.MatMul(x, new Product(w, null, rig.Guarded(9, 70))));
        Assert.Contains("matmul_wgmma_tma_bf16", plain.Message);
        var gated = Assert.Throws<BackendException>(() => rig.Native.GatedMatMul(x, w, w, GatedActivationKind.Silu, y));
        Assert.Contains("gated_matmul_wgmma_tma_bf16", gated.Message);
    }
}
