using ILGPU;
using ILGPU.Runtime.Cuda;

namespace SparseRM.Ilgpu.Kernels;

/// <summary>
/// What a tensor core does for a lane of a warp: eight products of 16 rows, 8 outputs and 16 inputs, whose sums it keeps, four a lane and product.
/// A constant of the kernel, so that a test can put an emulation in its place where there is none.
/// </summary>
internal interface ITensorCore
{
    /// <summary>Once, at the start of the kernel.</summary>
    void Declare();

    /// <summary>All sums = 0. <paramref name="own"/> is the lane's shared memory for them, [32].</summary>
    void Clear(ArrayView<float> own);

    /// <summary>Sums of <paramref name="product"/> (a constant from 0 to 7) += x · w; fragments as mma.m16n8k16 takes them.</summary>
    void Multiply(int product, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1, ArrayView<float> own);

    /// <summary>own[4 product + i] = sums.</summary>
    void Take(ArrayView<float> own);
}

/// <summary>The tensor core of sm_80 and later, by inline PTX.</summary>
/// <remarks>Sums lie in PTX registers of our own naming: ILGPU passes a variable that inline PTX changes through local memory.</remarks>
internal readonly struct PtxTensorCore : ITensorCore
{
    private const string Mma = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 ", Fragments = ", {%0, %1, %2, %3}, {%4, %5}, ";
    private const string C0 = "{srm_sum0, srm_sum1, srm_sum2, srm_sum3}";
    private const string C1 = "{srm_sum4, srm_sum5, srm_sum6, srm_sum7}";
    private const string C2 = "{srm_sum8, srm_sum9, srm_sum10, srm_sum11}";
    private const string C3 = "{srm_sum12, srm_sum13, srm_sum14, srm_sum15}";
    private const string C4 = "{srm_sum16, srm_sum17, srm_sum18, srm_sum19}";
    private const string C5 = "{srm_sum20, srm_sum21, srm_sum22, srm_sum23}";
    private const string C6 = "{srm_sum24, srm_sum25, srm_sum26, srm_sum27}";
    private const string C7 = "{srm_sum28, srm_sum29, srm_sum30, srm_sum31}";

    public void Declare() => CudaAsm.Emit(".reg .f32 srm_sum<32>;");

    public void Clear(ArrayView<float> own)
    {
        CudaAsm.Emit("mov.f32 srm_sum0, 0f00000000; mov.f32 srm_sum1, 0f00000000; mov.f32 srm_sum2, 0f00000000; mov.f32 srm_sum3, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum4, 0f00000000; mov.f32 srm_sum5, 0f00000000; mov.f32 srm_sum6, 0f00000000; mov.f32 srm_sum7, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum8, 0f00000000; mov.f32 srm_sum9, 0f00000000; mov.f32 srm_sum10, 0f00000000; mov.f32 srm_sum11, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum12, 0f00000000; mov.f32 srm_sum13, 0f00000000; mov.f32 srm_sum14, 0f00000000; mov.f32 srm_sum15, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum16, 0f00000000; mov.f32 srm_sum17, 0f00000000; mov.f32 srm_sum18, 0f00000000; mov.f32 srm_sum19, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum20, 0f00000000; mov.f32 srm_sum21, 0f00000000; mov.f32 srm_sum22, 0f00000000; mov.f32 srm_sum23, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum24, 0f00000000; mov.f32 srm_sum25, 0f00000000; mov.f32 srm_sum26, 0f00000000; mov.f32 srm_sum27, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum28, 0f00000000; mov.f32 srm_sum29, 0f00000000; mov.f32 srm_sum30, 0f00000000; mov.f32 srm_sum31, 0f00000000;");
    }

    public void Multiply(int product, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1, ArrayView<float> own)
    {
        if (product == 0) CudaAsm.Emit(Mma + C0 + Fragments + C0 + ";", a0, a1, a2, a3, b0, b1);
        if (product == 1) CudaAsm.Emit(Mma + C1 + Fragments + C1 + ";", a0, a1, a2, a3, b0, b1);
        if (product == 2) CudaAsm.Emit(Mma + C2 + Fragments + C2 + ";", a0, a1, a2, a3, b0, b1);
        if (product == 3) CudaAsm.Emit(Mma + C3 + Fragments + C3 + ";", a0, a1, a2, a3, b0, b1);
        if (product == 4) CudaAsm.Emit(Mma + C4 + Fragments + C4 + ";", a0, a1, a2, a3, b0, b1);
        if (product == 5) CudaAsm.Emit(Mma + C5 + Fragments + C5 + ";", a0, a1, a2, a3, b0, b1);
        if (product == 6) CudaAsm.Emit(Mma + C6 + Fragments + C6 + ";", a0, a1, a2, a3, b0, b1);
        if (product == 7) CudaAsm.Emit(Mma + C7 + Fragments + C7 + ";", a0, a1, a2, a3, b0, b1);
    }

    public void Take(ArrayView<float> own)
    {
        CudaAsm.Emit("mov.f32 %0, srm_sum0;", out own[0]);
        CudaAsm.Emit("mov.f32 %0, srm_sum1;", out own[1]);
        CudaAsm.Emit("mov.f32 %0, srm_sum2;", out own[2]);
        CudaAsm.Emit("mov.f32 %0, srm_sum3;", out own[3]);
        CudaAsm.Emit("mov.f32 %0, srm_sum4;", out own[4]);
        CudaAsm.Emit("mov.f32 %0, srm_sum5;", out own[5]);
        CudaAsm.Emit("mov.f32 %0, srm_sum6;", out own[6]);
        CudaAsm.Emit("mov.f32 %0, srm_sum7;", out own[7]);
        CudaAsm.Emit("mov.f32 %0, srm_sum8;", out own[8]);
        CudaAsm.Emit("mov.f32 %0, srm_sum9;", out own[9]);
        CudaAsm.Emit("mov.f32 %0, srm_sum10;", out own[10]);
        CudaAsm.Emit("mov.f32 %0, srm_sum11;", out own[11]);
        CudaAsm.Emit("mov.f32 %0, srm_sum12;", out own[12]);
        CudaAsm.Emit("mov.f32 %0, srm_sum13;", out own[13]);
        CudaAsm.Emit("mov.f32 %0, srm_sum14;", out own[14]);
        CudaAsm.Emit("mov.f32 %0, srm_sum15;", out own[15]);
        CudaAsm.Emit("mov.f32 %0, srm_sum16;", out own[16]);
        CudaAsm.Emit("mov.f32 %0, srm_sum17;", out own[17]);
        CudaAsm.Emit("mov.f32 %0, srm_sum18;", out own[18]);
        CudaAsm.Emit("mov.f32 %0, srm_sum19;", out own[19]);
        CudaAsm.Emit("mov.f32 %0, srm_sum20;", out own[20]);
        CudaAsm.Emit("mov.f32 %0, srm_sum21;", out own[21]);
        CudaAsm.Emit("mov.f32 %0, srm_sum22;", out own[22]);
        CudaAsm.Emit("mov.f32 %0, srm_sum23;", out own[23]);
        CudaAsm.Emit("mov.f32 %0, srm_sum24;", out own[24]);
        CudaAsm.Emit("mov.f32 %0, srm_sum25;", out own[25]);
        CudaAsm.Emit("mov.f32 %0, srm_sum26;", out own[26]);
        CudaAsm.Emit("mov.f32 %0, srm_sum27;", out own[27]);
        CudaAsm.Emit("mov.f32 %0, srm_sum28;", out own[28]);
        CudaAsm.Emit("mov.f32 %0, srm_sum29;", out own[29]);
        CudaAsm.Emit("mov.f32 %0, srm_sum30;", out own[30]);
        CudaAsm.Emit("mov.f32 %0, srm_sum31;", out own[31]);
    }
}
