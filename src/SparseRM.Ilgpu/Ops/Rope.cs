using ILGPU;
using SparseRM.Backends;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Ops;

/// <summary>Rotary positions; see <see cref="Backend.Rope"/>.</summary>
internal sealed class Rope(IlgpuDevice device)
{
    /// <summary>What the kernel takes.</summary>
    internal readonly struct Arguments(Rows<float> x, ArrayView<int> positions, Rows<float> cosSin, int count, int heads, int half)
    {
        public readonly Rows<float> X = x, CosSin = cosSin;
        public readonly ArrayView<int> Positions = positions;
        public readonly int Count = count, Heads = heads, Half = half;
    }

    public VariantTable<Action<Arguments>> Variants { get; } = VariantTable.One<Action<Arguments>>(device, OpKind.Rope, "lane_per_pair", LanePerPair);

    /// <summary>Enqueues the rotation.</summary>
    public void Run(Arguments arguments) => device.Each(Variants.Run, (long)arguments.Count * arguments.Heads * arguments.Half, arguments);

    /// <summary>A lane rotates one pair.</summary>
    public static void LanePerPair(Arguments a)
    {
        int pairs = a.Heads * a.Half;
        long items = (long)a.Count * pairs;
        for (long item = Lanes.First; item < items; item += Lanes.Stride)
        {
            int row = (int)(item / pairs), pair = (int)(item % pairs), position = a.Positions[row];
            int i = pair % a.Half, at = pair / a.Half * 2 * a.Half + i;
            float first = a.X[row, at], second = a.X[row, at + a.Half], cos = a.CosSin[position, i], sin = a.CosSin[position, i + a.Half];
            a.X[row, at] = first * cos - second * sin;
            a.X[row, at + a.Half] = second * cos + first * sin;
        }
    }
}
