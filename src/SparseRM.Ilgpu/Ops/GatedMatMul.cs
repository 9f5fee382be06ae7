using SparseRM.Backends;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Tensors;

namespace SparseRM.Ilgpu.Ops;

using ArgumentsBf16 = GatedMatMulArguments<ushort, ushort, ushort, Bf16>;
using ArgumentsF32 = GatedMatMulArguments<float, float, float, Single32>;
using ArgumentsF32OverBf16 = GatedMatMulArguments<float, ushort, float, Single32>;
using ArgumentsPairs = GatedMatMulArguments<uint, uint, ushort, Bf16>;

/// <summary>Gate and up of an MLP in one kernel; see <see cref="Backend.GatedMatMul"/>.</summary>
/// <remarks>
/// The kernels are those of <see cref="MatMul"/>'s variants of the same names, made for <see cref="GatedMatMulArguments{TX, TW, TY, SY}"/>, so the
/// sums have the same bits.
/// </remarks>
internal sealed class GatedMatMul
{
    private readonly IlgpuDevice _device;

    public GatedMatMul(IlgpuDevice device)
    {
        _device = device;
        var tiled = new Kernels(
            MatMul.TiledFor<float, Single32, float, Single32, ArgumentsF32>(device),
            MatMul.TiledFor<float, Single32, ushort, Bf16, ArgumentsF32OverBf16>(device),
            MatMul.TiledFor<ushort, Bf16, ushort, Bf16, ArgumentsBf16>(device));
        Variants = new($"{device.Name}", OpKind.GatedMatMul,
            new("composed", true, null),
            new("tiled", true, tiled),
            new("register_block", true, new(
                MatMul.RegisterBlockOf<float, Single32, float, Single32, ArgumentsF32>(),
                MatMul.RegisterBlockOf<float, Single32, ushort, Bf16, ArgumentsF32OverBf16>(),
                MatMul.RegisterBlockOf<ushort, Bf16, ushort, Bf16, ArgumentsBf16>())),
            new("mma_sync", device.HasTensorCores,
                tiled with { Pairs = MatMul.MmaSyncFor<ArgumentsPairs>(device) }));
    }

    /// <summary>As <see cref="MatMul.Kernels"/>; y has the type of x.</summary>
    internal sealed record Kernels(
        ProductKernel<ArgumentsF32> F32,
        ProductKernel<ArgumentsF32OverBf16> F32OverBf16,
        ProductKernel<ArgumentsBf16> Bf16,
        ProductKernel<ArgumentsPairs>? Pairs = null);

    /// <summary>The table, slowest first as guessed; null is composed.</summary>
    public VariantTable<Kernels?> Variants { get; }

    /// <summary>Whether the selected variant takes these; else the op is composed.</summary>
    public bool Fuses(Operand x, IlgpuMatrix gate, IlgpuMatrix up, Operand y)
    {
        bool fuses = Variants.Run is not null && gate.Storage == up.Storage && x.Compute == y.Compute;
        Computed = !fuses ? "composed" : Variants.Run!.Pairs is null || TakesPairs(x.Compute, gate.Inputs) ? Variants.Selected : "tiled";
        return fuses;
    }

    /// <summary>As <see cref="MatMul.Computed"/>.</summary>
    public string Computed { get; private set; } = "";

    private bool TakesPairs(DType compute, int inputs) => Variants.Run?.Pairs is not null && compute == DType.BF16 && inputs % 2 == 0;

    /// <summary>Enqueues y = act(x · gateᵀ) * (x · upᵀ) for what <see cref="Fuses"/> takes.</summary>
    public void Run(IlgpuOperand x, IlgpuMatrix gate, IlgpuMatrix up, GatedActivationKind kind, IlgpuOperand y)
    {
        var (kernels, rows, inputs, outputs) = (Variants.Run!, x.Count, gate.Inputs, gate.Outputs);
        if ((x.Compute, gate.Storage) == (DType.F32, DType.F32))
            kernels.F32.Launch(_device, new(x.Singles, gate.Singles, up.Singles, y.Singles, rows, inputs, outputs, (int)kind));
        else if (x.Compute == DType.F32)
            kernels.F32OverBf16.Launch(_device, new(x.Singles, gate.Halves, up.Halves, y.Singles, rows, inputs, outputs, (int)kind));
        else if (TakesPairs(x.Compute, inputs))
            kernels.Pairs!.Launch(
                _device, new(x.Halves.Pairs(), gate.Halves.Pairs(), up.Halves.Pairs(), y.Halves, rows, inputs / 2, outputs, (int)kind));
        else
            kernels.Bf16.Launch(_device, new(x.Halves, gate.Halves, up.Halves, y.Halves, rows, inputs, outputs, (int)kind));
    }
}
