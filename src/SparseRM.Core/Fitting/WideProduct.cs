using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SparseRM.Fitting;

/// <summary>The product of <see cref="MatrixProduct"/> with vectors of eight doubles, bit for bit: a vector holds a lane of eight output elements, and lanes are summed one after the other.</summary>
/// <remarks>So no lanes of one vector are ever added, which would take as long as the products where the depth is small. b is repacked: by tile of columns, then by lane, then by depth.</remarks>
internal static class WideProduct
{
    private const int Lanes = 4, TileRows = 8, RowsATask = 64, Vector = 8;

    // With a run of the depth they fill half of a processor's second cache.
    private const int ColumnsAtOnce = 192;

    [ThreadStatic]
    private static double[]? s_packed;

    /// <summary>b, read down its columns.</summary>
    /// <param name="values">Row after row.</param>
    /// <param name="stride">Values of a row.</param>
    /// <param name="which">Rows that are the depth; null: each row of b is a column, and the depth lies along it.</param>
    public readonly struct Columns(double[] values, int stride, ReadOnlyMemory<int>? which = null)
    {
        /// <summary>Puts columns beside each other: to [lane, depth / 4, width], zeros behind the last column.</summary>
        public void Pack(Span<double> to, int first, int count, int width, int start, int length)
        {
            nint quarter = length / Lanes;
            if (count < width || which is not null) to[..(width * length)].Clear();
            if (which is { } rows)
            {
                var numbers = rows.Span;
                for (int k = 0; k < Math.Min(length, numbers.Length - start); k++)
                    values.AsSpan((numbers[start + k] * stride) + first, count).CopyTo(to[(int)(((k % Lanes * quarter) + (k / Lanes)) * width)..]);
                return;
            }
            for (int j = 0; j < count; j++)
            {
                ref double from = ref MemoryMarshal.GetReference(values.AsSpan(((first + j) * stride) + start, length)), at = ref to[j];
                for (nint lane = 0; lane < Lanes; lane++)
                    for (nint q = 0; q < quarter; q++) Unsafe.Add(ref at, ((lane * quarter) + q) * width) = Unsafe.Add(ref from, (q * Lanes) + lane);
            }
        }
    }

    /// <summary>c [rows, columns] = a [rows, depth] times b; sizes were checked.</summary>
    /// <param name="a">Row after row.</param>
    /// <param name="b">Columns.</param>
    /// <param name="c">Written whole.</param>
    /// <param name="rows">A multiple of 4.</param>
    /// <param name="columns">A multiple of 4.</param>
    /// <param name="depth">A multiple of 4.</param>
    /// <param name="parallel">Threads; null for this one alone.</param>
    public static void Run(double[] a, Columns b, double[] c, int rows, int columns, int depth, ParallelOptions? parallel)
    {
        for (int column = 0; column < columns; column += ColumnsAtOnce)
        {
            int count = Math.Min(ColumnsAtOnce, columns - column), vectors = (count + Vector - 1) / Vector;
            for (int start = 0; start == 0 || start < depth; start += MatrixProduct.DepthBlock)
            {
                int length = Math.Min(MatrixProduct.DepthBlock, depth - start);
                int room = Math.Max(2, vectors) * Vector * length;
                if (s_packed is null || s_packed.Length < room) s_packed = new double[room];
                double[] packed = s_packed;
                for (int v = 0, width; v < vectors; v += width)
                {
                    width = WidthOf(vectors - v);
                    b.Pack(packed.AsSpan(v * Vector * length), column + (v * Vector), Math.Min(width * Vector, count - (v * Vector)), width * Vector, start, length);
                }
                var part = new Part(a, packed, c, rows, columns, depth, column, count, start, length);
                int tasks = (rows + RowsATask - 1) / RowsATask;
                if (parallel is null)
                    for (int task = 0; task < tasks; task++) part.Run(task);
                else
                    Parallel.For(0, tasks, parallel, part.Run);
            }
        }
    }

    // A tile of one vector would hide no latency, so that one comes with a vector of zeros.
    private static int WidthOf(int vectorsLeft) => vectorsLeft is 1 or 2 or 4 ? 2 : 3;

    /// <summary>Some columns over one run of the depth.</summary>
    private readonly record struct Part(double[] A, double[] Packed, double[] C, int Rows, int Columns, int Depth, int Column, int Count, int Start, int Length)
    {
        public void Run(int task)
        {
            Span<double> partial = stackalloc double[TileRows * 3 * Vector], tile = stackalloc double[TileRows * 3 * Vector];
            Span<nint> steps = stackalloc nint[TileRows];
            int vectors = (Count + Vector - 1) / Vector;
            for (int i = task * RowsATask; i < Math.Min(Rows, (task + 1) * RowsATask); i += TileRows)
            {
                int rows = Math.Min(TileRows, Rows - i);
                // Where there are no more rows, the last one stands for them, and nothing of it is kept.
                for (int r = 0; r < TileRows; r++) steps[r] = (nint)Math.Min(r, rows - 1) * Depth;
                for (int v = 0, width; v < vectors; v += width)
                {
                    width = WidthOf(vectors - v);
                    nint first = ((nint)i * Depth) + Start, at = (nint)v * Vector * Length;
                    if (width == 3) WideTile.Sum<WideTile.Three>(A, first, steps, Packed, at, partial, tile, Length);
                    else WideTile.Sum<WideTile.Two>(A, first, steps, Packed, at, partial, tile, Length);
                    Keep(tile, i, v * Vector, rows, Math.Min(width * Vector, Count - (v * Vector)), width * Vector);
                }
            }
        }

        private void Keep(ReadOnlySpan<double> tile, int i, int j, int rows, int count, int width)
        {
            for (int r = 0; r < rows; r++)
            {
                ref double from = ref MemoryMarshal.GetReference(tile.Slice(r * width, count)), to = ref MemoryMarshal.GetReference(C.AsSpan(((i + r) * Columns) + Column + j, count));
                nuint x = 0, whole = (nuint)(count / Vector * Vector);
                // Where nothing was there before, 0 is added all the same: it makes -0 of a sum a 0.
                for (; x < whole; x += Vector)
                    ((Start == 0 ? Vector512<double>.Zero : Vector512.LoadUnsafe(ref to, x)) + Vector512.LoadUnsafe(ref from, x)).StoreUnsafe(ref to, x);
                if (x < (nuint)count) ((Start == 0 ? Vector256<double>.Zero : Vector256.LoadUnsafe(ref to, x)) + Vector256.LoadUnsafe(ref from, x)).StoreUnsafe(ref to, x);
            }
        }
    }
}
