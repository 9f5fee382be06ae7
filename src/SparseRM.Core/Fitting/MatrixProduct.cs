using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace SparseRM.Fitting;

/// <summary>The one dense product that training needs, in float64.</summary>
/// <remarks>
/// Sums are four lanes wide on every machine and each output element is summed in one fixed order by one thread, so the bits depend neither on the
/// processor's vector width nor on the number of threads: over each run of 512 of the depth, lane l sums what lies at l, l + 4, ..., and the sum is (0 + 1) + (2 + 3).
/// </remarks>
internal static class MatrixProduct
{
    /// <summary>Every dimension must be a multiple of this.</summary>
    public const int Unit = 4;

    /// <summary>What is summed before lanes are added.</summary>
    public const int DepthBlock = 512;

    private const int TileRows = 32, TileColumns = 64;
    private const long SequentialBelow = 1 << 17;

    [ThreadStatic]
    private static double[]? s_columns;

    /// <summary>The next multiple of <see cref="Unit"/>.</summary>
    public static int Pad(int size) => checked(size + Unit - 1) / Unit * Unit;

    /// <summary>c[i, j] = sum_k a[i, k] * b[j, k]; a [rows, depth], b [columns, depth], c [rows, columns], all row after row and padded.</summary>
    public static void TimesTransposed(double[] a, double[] b, double[] c, int rows, int columns, int depth, ParallelOptions parallel)
    {
        Check(a, c, rows, columns, depth);
        if (b.Length < (long)columns * depth) throw new ArgumentException($"b has {b.Length} values; [{columns}, {depth}] needs {(long)columns * depth}");
        if (Avx512F.IsSupported) WideProduct.Run(a, new WideProduct.Columns(b, depth), c, rows, columns, depth, Threads(rows, columns, depth, parallel));
        else Narrow(a, b, c, rows, columns, depth, parallel);
    }

    /// <summary>c[i, j] = sum_k a[i, k] * b[which[k], j]; a [rows, depth], c [rows, columns]; behind the last of <paramref name="which"/> b counts as 0.</summary>
    public static void TimesRows(double[] a, double[] b, ReadOnlyMemory<int> which, double[] c, int rows, int columns, int depth, ParallelOptions parallel)
    {
        Check(a, c, rows, columns, depth);
        if (which.Length > depth) throw new ArgumentException($"{which.Length} rows of b are named; the depth is {depth}");
        foreach (int row in which.Span)
        {
            if (row < 0 || (row + 1L) * columns > b.Length)
                throw new ArgumentException($"row {row} of b is named; its {b.Length} values are {b.Length / Math.Max(1, columns)} rows of {columns}");
        }
        if (Avx512F.IsSupported)
        {
            WideProduct.Run(a, new WideProduct.Columns(b, columns, which), c, rows, columns, depth, Threads(rows, columns, depth, parallel));
            return;
        }
        if (s_columns is null || s_columns.Length < columns * depth) s_columns = new double[columns * depth];
        var numbers = which.Span;
        for (int j = 0; j < columns; j++)
        {
            var column = s_columns.AsSpan(j * depth, depth);
            for (int k = 0; k < numbers.Length; k++) column[k] = b[(numbers[k] * columns) + j];
            column[numbers.Length..].Clear();
        }
        Narrow(a, s_columns, c, rows, columns, depth, parallel);
    }

    private static void Check(double[] a, double[] c, int rows, int columns, int depth)
    {
        if (rows % Unit != 0 || columns % Unit != 0 || depth % Unit != 0)
            throw new ArgumentException($"{rows} rows, {columns} columns and a depth of {depth} are not all padded to multiples of {Unit}");
        if (a.Length < (long)rows * depth) throw new ArgumentException($"a has {a.Length} values; [{rows}, {depth}] needs {(long)rows * depth}");
        if (c.Length < (long)rows * columns) throw new ArgumentException($"c has {c.Length} values; [{rows}, {columns}] needs {(long)rows * columns}");
    }

    private static ParallelOptions? Threads(int rows, int columns, int depth, ParallelOptions parallel) =>
        parallel.MaxDegreeOfParallelism == 1 || (long)rows * columns * depth < SequentialBelow ? null : parallel;

    private static void Narrow(double[] a, double[] b, double[] c, int rows, int columns, int depth, ParallelOptions parallel)
    {
        int tilesDown = (rows + TileRows - 1) / TileRows, tilesAcross = (columns + TileColumns - 1) / TileColumns;
        void Tile(int tile)
        {
            int row = tile / tilesAcross * TileRows, column = tile % tilesAcross * TileColumns;
            int rowEnd = Math.Min(row + TileRows, rows), columnEnd = Math.Min(column + TileColumns, columns);
            for (int k = 0; k == 0 || k < depth; k += DepthBlock)
            {
                int length = Math.Min(DepthBlock, depth - k);
                for (int i = row; i < rowEnd; i += 4)
                    for (int j = column; j < columnEnd; j += 2)
                        Block(a, b, c, i, j, k, length, depth, columns);
            }
        }
        if ((long)rows * columns * depth < SequentialBelow)
            for (int tile = 0; tile < tilesDown * tilesAcross; tile++) Tile(tile);
        else
            Parallel.For(0, tilesDown * tilesAcross, parallel, Tile);
    }

    /// <summary>Four rows of a against two of b over one run of the depth: eight independent sums, enough to hide the latency of the multiply-add.</summary>
    private static void Block(double[] a, double[] b, double[] c, int i, int j, int start, int length, int depth, int columns)
    {
        // Padded sizes make every load full; bounds were checked once for the whole product.
        ref double a0 = ref At(a, ((long)i * depth) + start), a1 = ref At(a, ((i + 1L) * depth) + start);
        ref double a2 = ref At(a, ((i + 2L) * depth) + start), a3 = ref At(a, ((i + 3L) * depth) + start);
        ref double b0 = ref At(b, ((long)j * depth) + start), b1 = ref At(b, ((j + 1L) * depth) + start);
        Vector256<double> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
        for (nuint k = 0; k < (nuint)length; k += Unit)
        {
            var x = Vector256.LoadUnsafe(ref b0, k);
            var y = Vector256.LoadUnsafe(ref b1, k);
            var row = Vector256.LoadUnsafe(ref a0, k);
            c00 = Vector256.FusedMultiplyAdd(row, x, c00);
            c01 = Vector256.FusedMultiplyAdd(row, y, c01);
            row = Vector256.LoadUnsafe(ref a1, k);
            c10 = Vector256.FusedMultiplyAdd(row, x, c10);
            c11 = Vector256.FusedMultiplyAdd(row, y, c11);
            row = Vector256.LoadUnsafe(ref a2, k);
            c20 = Vector256.FusedMultiplyAdd(row, x, c20);
            c21 = Vector256.FusedMultiplyAdd(row, y, c21);
            row = Vector256.LoadUnsafe(ref a3, k);
            c30 = Vector256.FusedMultiplyAdd(row, x, c30);
            c31 = Vector256.FusedMultiplyAdd(row, y, c31);
        }
        bool first = start == 0;
        int at = (i * columns) + j;
        Put(c.AsSpan(at, 2), c00, c01, first);
        Put(c.AsSpan(at + columns, 2), c10, c11, first);
        Put(c.AsSpan(at + (2 * columns), 2), c20, c21, first);
        Put(c.AsSpan(at + (3 * columns), 2), c30, c31, first);
    }

    private static void Put(Span<double> target, Vector256<double> left, Vector256<double> right, bool first)
    {
        if (Avx.IsSupported)
        {
            // Both sums at once, lanes added in the order of Sum: where the depth is small, adding lanes takes as long as the products.
            var halves = Avx.HorizontalAdd(left, right);
            var before = first ? Vector128<double>.Zero : Vector128.Create((ReadOnlySpan<double>)target);
            (before + (halves.GetLower() + halves.GetUpper())).CopyTo(target);
            return;
        }
        target[0] = (first ? 0 : target[0]) + Sum(left);
        target[1] = (first ? 0 : target[1]) + Sum(right);
    }

    /// <summary>The four lanes in a written-down order; the library's own sum promises none.</summary>
    public static double Sum(Vector256<double> v) => (v[0] + v[1]) + (v[2] + v[3]);

    private static ref double At(double[] array, long index) => ref MemoryMarshal.GetReference(array.AsSpan((int)index));
}
