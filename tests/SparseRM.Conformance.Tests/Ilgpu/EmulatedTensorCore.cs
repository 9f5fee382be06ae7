using ILGPU;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Conformance.Ilgpu;

/// <summary>
/// mma.m16n8k16 of BF16 in plain C#, from the tables of the PTX ISA ("Matrix Fragments for mma.m16n8k16 with floating point type"): lanes lay their
/// fragments in shared memory and each computes its own four sums.
/// </summary>
internal readonly struct EmulatedTensorCore : ITensorCore
{
    private const int Words = 6;

    public void Declare() { }

    public void Clear(ArrayView<float> own)
    {
        for (int i = 0; i < 32; i++) own[i] = 0;
    }

    public void Multiply(int product, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1, ArrayView<float> own)
    {
        var fragments = SharedMemory.Allocate<uint>(128 * Words);
        var mine = fragments.SubView(Group.IdxX * Words, Words);
        (mine[0], mine[1], mine[2], mine[3], mine[4], mine[5]) = (a0, a1, a2, a3, b0, b1);
        Group.Barrier();
        int lane = Group.IdxX % 32, warp = Group.IdxX - lane;
        for (int i = 0; i < 4; i++)
        {
            int row = lane / 4 + (i < 2 ? 0 : 8), column = lane % 4 * 2 + i % 2;
            float sum = 0;
            for (int k = 0; k < 16; k++)
            {
                uint a = fragments[(warp + row % 8 * 4 + k % 8 / 2) * Words + (row < 8 ? 0 : 1) + (k < 8 ? 0 : 2)];
                uint b = fragments[(warp + column * 4 + k % 8 / 2) * Words + (k < 8 ? 4 : 5)];
                sum += Half(a, k) * Half(b, k);
            }
            own[4 * product + i] += sum;
        }
    }

    public void Take(ArrayView<float> own) { }

    /// <summary>The lower half of a word has the element with the even index.</summary>
    private static float Half(uint word, int k) => ILGPU.Interop.IntAsFloat(k % 2 == 0 ? word << 16 : word & 0xFFFF0000);
}
