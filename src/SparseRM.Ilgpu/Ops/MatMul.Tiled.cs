using ILGPU;
using SparseRM.Ilgpu.Devices;
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

    /// <summary>The tiled kernel for as many lanes as the device's groups have.</summary>
    internal static ProductKernel<T> TiledFor<TX, SX, TW, SW, T>(IlgpuDevice device)
        where TX : unmanaged where SX : struct, IElement<TX> where TW : unmanaged where SW : struct, IElement<TW>
        where T : struct, IProducts<TX, TW> =>
        device.Lanes switch
        {
            < 16 => new(Tiled<TX, SX, TW, SW, Side1, T>, 4, 4, 1),
            16 => new(Tiled<TX, SX, TW, SW, Side4, T>, 16, 16, 16),
            _ => new(Tiled<TX, SX, TW, SW, Side16, T>, 64, 64, 256),
        };

    /// <summary>
    /// A group of side x side lanes computes 4 side rows by 4 side columns of sums. Inputs go through shared memory, widened,
    /// <see cref="Depth"/> at a time; a lane holds 16 sums, whose rows and columns are <c>side</c> apart so that neighbouring lanes read
    /// neighbouring words.
    /// </summary>
    public static void Tiled<TX, SX, TW, SW, TSide, T>(T a)
        where TX : unmanaged where SX : struct, IElement<TX> where TW : unmanaged where SW : struct, IElement<TW> where TSide : struct, ISide
        where T : struct, IProducts<TX, TW>
    {
        var xs = SharedMemory.Allocate<float>(Depth * TiledPitch);
        var ws = SharedMemory.Allocate<float>(Depth * TiledPitch);
        int side = default(TSide).Lanes, tile = 4 * side, rowTiles = (a.Count + tile - 1) / tile;
        int items = rowTiles * ((a.Columns + tile - 1) / tile), r = Group.IdxX / side, c = Group.IdxX % side;
        for (int item = Grid.IdxX; item < items; item += Grid.DimX)
        {
            int row = item % rowTiles * tile, column = item / rowTiles * tile;
            var sums = new Block16();
            for (int start = 0; start < a.Inputs; start += Depth)
            {
                for (int i = Group.IdxX; i < tile * Depth; i += Group.DimX)
                {
                    int at = i / Depth, input = i % Depth;
                    bool inside = start + input < a.Inputs;
                    xs[input * TiledPitch + at] = inside ? default(SX).Widen(a.Row(row + at)[start + input]) : 0;
                    ws[input * TiledPitch + at] = inside ? default(SW).Widen(a.Weights(column + at, side)[start + input]) : 0;
                }
                Group.Barrier();
                for (int input = 0; input < Depth; input++)
                {
                    int x = input * TiledPitch + r, w = input * TiledPitch + c;
                    sums.Add(
                        new(xs[x], xs[x + side], xs[x + 2 * side], xs[x + 3 * side]),
                        new(ws[w], ws[w + side], ws[w + 2 * side], ws[w + 3 * side]));
                }
                Group.Barrier();
            }
            sums.Store(a, row + r, column + c, side);
        }
    }
}
