using System.Reflection;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Ilgpu.Ops;

namespace SparseRM.Ilgpu;

using GatedBf16 = GatedMatMulArguments<ushort, ushort, ushort, Bf16>;
using GatedF32 = GatedMatMulArguments<float, float, float, Single32>;
using GatedF32OverBf16 = GatedMatMulArguments<float, ushort, float, Single32>;
using GatedPairs = GatedMatMulArguments<uint, uint, ushort, Bf16>;

/// <summary>One kernel of the backend, as it is handed to ILGPU.</summary>
/// <param name="Name">Class, method and the types that it is made for.</param>
/// <param name="Method">The kernel.</param>
public sealed record IlgpuKernel(string Name, MethodInfo Method)
{
    /// <summary>Its PTX for the backend's architecture; no device and no driver is needed.</summary>
    public string Ptx(PTXBackend backend) =>
        ((PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(Method), new KernelSpecialization())).PTXAssembly;
}

/// <summary>Every kernel that any variant runs on a GPU: what is compiled where none is.</summary>
public static class IlgpuKernels
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<IlgpuKernel> All { get; } =
    [
        Of<MatMulArguments<float, float>>(MatMul.Naive<float, Single32, float, Single32>),
        Of<MatMulArguments<float, ushort>>(MatMul.Naive<float, Single32, ushort, Bf16>),
        Of<MatMulArguments<ushort, ushort>>(MatMul.Naive<ushort, Bf16, ushort, Bf16>),
        Of<MatMulArguments<float, float>>(MatMul.RegisterBlock<float, Single32, float, Single32, MatMulArguments<float, float>>),
        Of<MatMulArguments<float, ushort>>(MatMul.RegisterBlock<float, Single32, ushort, Bf16, MatMulArguments<float, ushort>>),
        Of<MatMulArguments<ushort, ushort>>(MatMul.RegisterBlock<ushort, Bf16, ushort, Bf16, MatMulArguments<ushort, ushort>>),
        Of<MatMulArguments<float, float>>(MatMul.Tiled<float, Single32, float, Single32, Side16, MatMulArguments<float, float>>),
        Of<MatMulArguments<float, ushort>>(MatMul.Tiled<float, Single32, ushort, Bf16, Side16, MatMulArguments<float, ushort>>),
        Of<MatMulArguments<ushort, ushort>>(MatMul.Tiled<ushort, Bf16, ushort, Bf16, Side16, MatMulArguments<ushort, ushort>>),
        Of<MatMulArguments<uint, uint>>(MatMul.MmaSync<PtxTensorCore, MatMulArguments<uint, uint>>),
        Of<GatedF32>(MatMul.RegisterBlock<float, Single32, float, Single32, GatedF32>),
        Of<GatedF32OverBf16>(MatMul.RegisterBlock<float, Single32, ushort, Bf16, GatedF32OverBf16>),
        Of<GatedBf16>(MatMul.RegisterBlock<ushort, Bf16, ushort, Bf16, GatedBf16>),
        Of<GatedF32>(MatMul.Tiled<float, Single32, float, Single32, Side16, GatedF32>),
        Of<GatedF32OverBf16>(MatMul.Tiled<float, Single32, ushort, Bf16, Side16, GatedF32OverBf16>),
        Of<GatedBf16>(MatMul.Tiled<ushort, Bf16, ushort, Bf16, Side16, GatedBf16>),
        Of<GatedPairs>(MatMul.MmaSync<PtxTensorCore, GatedPairs>),
        Of<Attention.Arguments<float>>(Attention.Streaming<float, Single32>),
        Of<Attention.Arguments<ushort>>(Attention.Streaming<ushort, Bf16>),
        Of<RmsNorm.Arguments>(RmsNorm.GroupPerRow),
        Of<RmsNorm.AddArguments<float>>(RmsNorm.AddGroupPerRow<float, Single32>),
        Of<RmsNorm.AddArguments<ushort>>(RmsNorm.AddGroupPerRow<ushort, Bf16>),
        Of<GatedActivation.Arguments<float>>(GatedActivation.Each<float, Single32>),
        Of<GatedActivation.Arguments<ushort>>(GatedActivation.Each<ushort, Bf16>),
        Of<Rope.Arguments>(Rope.LanePerPair),
        Of<Elementwise.AddArguments>(Elementwise.AddEach),
        Of<Elementwise.PairArguments<float, float>>(Elementwise.ConvertEach<float, Single32, float, Single32>),
        Of<Elementwise.PairArguments<float, ushort>>(Elementwise.ConvertEach<float, Single32, ushort, Bf16>),
        Of<Elementwise.PairArguments<ushort, float>>(Elementwise.ConvertEach<ushort, Bf16, float, Single32>),
        Of<RowOps.Arguments>(RowOps.GatherEach),
        Of<RowOps.Arguments>(RowOps.MeanEach),
        Of<Transpose.Arguments<float>>(Transpose.Each),
        Of<Transpose.Arguments<ushort>>(Transpose.Each),
        Of<SaeEncode.FinishArguments>(SaeEncode.FinishEach),
        Of<SaeTopK.Arguments>(SaeTopK.RadixSelect),
        Of<SaeTopK.Arguments>(SaeTopK.BitonicMerge),
        Of<SaeGates.Arguments>(SaeGates.Count),
        Of<SaeGates.Arguments>(SaeGates.Starts),
        Of<SaeGates.Arguments>(SaeGates.Write),
        Of<SaeGates.CountArguments>(SaeGates.CountActive),
        Of<Score.Arguments>(Score.GroupPerRow),
    ];

    private static IlgpuKernel Of<T>(Action<T> kernel) where T : struct
    {
        var types = kernel.Method.GetGenericArguments();
        // The kind of an element tells its type.
        if (types.Any(type => !type.IsPrimitive)) types = [.. types.Where(type => !type.IsPrimitive)];
        string made = types.Length > 0 ? $" of {string.Join(", ", types.Select(type => type.Name.Split('`')[0]))}" : "";
        return new($"{kernel.Method.DeclaringType!.Name}.{kernel.Method.Name}{made}", kernel.Method);
    }
}
