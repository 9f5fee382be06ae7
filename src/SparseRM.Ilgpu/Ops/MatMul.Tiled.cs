using ILGPU;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Ops;

/// <summary>Side of the square of lanes that share a tile: a constant of the kernel.</summary>
internal interface ISide
{
    int Lanes { get; }
}

/// <summary>One lane, a tile of 4 by 4: no barrier ever waits.</summary>
internal readonly struct Side1 : ISide
{
    public int Lanes => 1;
}

/// <summary>16 lanes, a tile of 16 by 16.</summary>
internal readonly struct Side4 : ISide
{
    public int Lanes => 4;
}

/// <summary>256 lanes, a tile of 64 by 64.</summary>
internal readonly struct Side16 : ISide
{
    public int Lanes => 16;
}

internal sealed partial class MatMul
{
    /// <summary>Inputs that lie in shared memory at a time.</summary>
    private const int Depth = 16;

    /// <summary>The widest tile and one column more, so that lanes which store down a column meet different banks.</summary>
    private const int TiledPitch = 4 * 16 + 1;

    private static MatMulKernels TiledKernels<TSide>() where TSide : struct, ISide
    {
        int side = default(TSide).Lanes, tile = 4 * side, lanes = side * side;
        return new(
            new(Tiled<float, Single32, float, Single32, TSide>, tile, tile, lanes),
            new(Tiled<float, Single32, ushort, Bf16, TSide>, tile, tile, lanes),
            new(Tiled<ushort, Bf16, ushort, Bf16, TSide>, tile, tile, lanes));
    }

    /// <summary>
    /// A group of side x side lanes computes 4 side rows by 4 side outputs. Inputs go through shared memory, widened, <see cref="Depth"/> at a
    /// time; a lane holds 16 sums, whose rows and outputs are <c>side</c> apart so that neighbouring lanes read neighbouring words.
    /// </summary>
    public static void Tiled<TX, SX, TW, SW, TSide>(MatMulArguments<TX, TW> a)
        where TX : unmanaged where SX : struct, IElement<TX> where TW : unmanaged where SW : struct, IElement<TW> where TSide : struct, ISide
    {
        var xs = SharedMemory.Allocate<float>(Depth * TiledPitch);
        var ws = SharedMemory.Allocate<float>(Depth * TiledPitch);
        int side = default(TSide).Lanes, tile = 4 * side, rowTiles = (a.Count + tile - 1) / tile;
        int items = rowTiles * ((a.Outputs + tile - 1) / tile), r = Group.IdxX / side, o = Group.IdxX % side;
        for (int item = Grid.IdxX; item < items; item += Grid.DimX)
        {
            int row = item % rowTiles * tile, output = item / rowTiles * tile;
            var sums = new Block16();
            for (int start = 0; start < a.Inputs; start += Depth)
            {
                for (int i = Group.IdxX; i < tile * Depth; i += Group.DimX)
                {
                    int at = i / Depth, input = i % Depth, column = start + input;
                    bool inside = column < a.Inputs;
                    xs[input * TiledPitch + at] = inside && row + at < a.Count ? default(SX).Widen(a.X[row + at, column]) : 0;
                    ws[input * TiledPitch + at] = inside && output + at < a.Outputs ? default(SW).Widen(a.W[output + at, column]) : 0;
                }
                Group.Barrier();
                for (int input = 0; input < Depth; input++)
                {
                    int x = input * TiledPitch + r, w = input * TiledPitch + o;
                    sums.Add(
                        new(xs[x], xs[x + side], xs[x + 2 * side], xs[x + 3 * side]),
                        new(ws[w], ws[w + side], ws[w + 2 * side], ws[w + 3 * side]));
                }
                Group.Barrier();
            }
            sums.Store(a, row + r, output + o, side);
        }
    }
}
