using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace SparseRM.Fitting;

/// <summary>The one dense product that training needs, in float64.</summary>
/// <remarks>
/// Sums are four doubles wide on every machine and each output element is summed in one fixed order by one thread, so the bits depend neither on the
/// processor's vector width nor on the number of threads: where vectors hold eight doubles, each holds the sums of two output elements.
/// </remarks>
internal static class MatrixProduct
{
    /// <summary>Every dimension must be a multiple of this.</summary>
    public const int Unit = 4;

    private const int TileRows = 32, TileColumns = 64, DepthBlock = 512;
    private const long SequentialBelow = 1 << 17;

    [ThreadStatic]
    private static double[]? s_paired;

    /// <summary>The next multiple of <see cref="Unit"/>.</summary>
    public static int Pad(int size) => checked(size + Unit - 1) / Unit * Unit;

    /// <summary>c[i, j] = sum_k a[i, k] * b[j, k]; a [rows, depth], b [columns, depth], c [rows, columns], all row after row and padded.</summary>
    public static void TimesTransposed(double[] a, double[] b, double[] c, int rows, int columns, int depth, ParallelOptions parallel)
    {
        if (rows % Unit != 0 || columns % Unit != 0 || depth % Unit != 0
            || a.Length < (long)rows * depth || b.Length < (long)columns * depth || c.Length < (long)rows * columns)
        {
            throw new ArgumentException($"a [{rows}, {depth}] times b [{columns}, {depth}] transposed: not padded, or an array is too short");
        }
        int tilesDown = (rows + TileRows - 1) / TileRows, tilesAcross = (columns + TileColumns - 1) / TileColumns;
        void Tile(int tile)
        {
            int row = tile / tilesAcross * TileRows, column = tile % tilesAcross * TileColumns;
            int rowEnd = Math.Min(row + TileRows, rows), columnEnd = Math.Min(column + TileColumns, columns);
            for (int k = 0; k == 0 || k < depth; k += DepthBlock)
            {
                int length = Math.Min(DepthBlock, depth - k);
                if (Avx512F.IsSupported)
                {
                    Paired(a, b, c, row, rowEnd, column, columnEnd, k, length, depth, columns);
                    continue;
                }
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

    /// <summary>A tile with eight doubles a vector: two rows of a side by side against a row of b that is repeated. Each half has the order of <see cref="Block"/>.</summary>
    private static void Paired(double[] a, double[] b, double[] c, int row, int rowEnd, int column, int columnEnd, int start, int length, int depth, int columns)
    {
        double[] paired = s_paired ??= new double[TileRows * DepthBlock];
        for (int i = row; i < rowEnd; i += 2)
        {
            ref double upper = ref At(a, ((long)i * depth) + start), lower = ref At(a, ((i + 1L) * depth) + start), target = ref At(paired, (i - row) * (long)length);
            for (nuint k = 0; k < (nuint)length; k += Unit)
                Vector512.Create(Vector256.LoadUnsafe(ref upper, k), Vector256.LoadUnsafe(ref lower, k)).StoreUnsafe(ref target, 2 * k);
        }
        int i8 = row;
        for (; i8 + 8 <= rowEnd; i8 += 8)
            for (int j = column; j < columnEnd; j += 4) Block8(ref At(paired, (i8 - row) * (long)length), b, c, i8, j, start, length, depth, columns);
        if (i8 == rowEnd) return;
        for (int j = column; j < columnEnd; j += 2) Block(a, b, c, i8, j, start, length, depth, columns);
    }

    /// <summary>Four pairs of rows of a against four of b: sixteen independent sums of two elements each.</summary>
    // Not inlined: among the loops around it the sums would not all stay in registers.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Block8(ref double a, double[] b, double[] c, int i, int j, int start, int length, int depth, int columns)
    {
        ref double b0 = ref At(b, ((long)j * depth) + start), b1 = ref At(b, ((j + 1L) * depth) + start);
        ref double b2 = ref At(b, ((j + 2L) * depth) + start), b3 = ref At(b, ((j + 3L) * depth) + start);
        nuint pair = 2 * (nuint)length;
        Vector512<double> c00 = default, c01 = default, c02 = default, c03 = default, c10 = default, c11 = default, c12 = default, c13 = default;
        Vector512<double> c20 = default, c21 = default, c22 = default, c23 = default, c30 = default, c31 = default, c32 = default, c33 = default;
        for (nuint k = 0; k < (nuint)length; k += Unit)
        {
            Vector512<double> x = Twice(ref b0, k), y = Twice(ref b1, k), z = Twice(ref b2, k), w = Twice(ref b3, k);
            var rows = Vector512.LoadUnsafe(ref a, 2 * k);
            c00 = Vector512.FusedMultiplyAdd(rows, x, c00);
            c01 = Vector512.FusedMultiplyAdd(rows, y, c01);
            c02 = Vector512.FusedMultiplyAdd(rows, z, c02);
            c03 = Vector512.FusedMultiplyAdd(rows, w, c03);
            rows = Vector512.LoadUnsafe(ref a, pair + (2 * k));
            c10 = Vector512.FusedMultiplyAdd(rows, x, c10);
            c11 = Vector512.FusedMultiplyAdd(rows, y, c11);
            c12 = Vector512.FusedMultiplyAdd(rows, z, c12);
            c13 = Vector512.FusedMultiplyAdd(rows, w, c13);
            rows = Vector512.LoadUnsafe(ref a, (2 * pair) + (2 * k));
            c20 = Vector512.FusedMultiplyAdd(rows, x, c20);
            c21 = Vector512.FusedMultiplyAdd(rows, y, c21);
            c22 = Vector512.FusedMultiplyAdd(rows, z, c22);
            c23 = Vector512.FusedMultiplyAdd(rows, w, c23);
            rows = Vector512.LoadUnsafe(ref a, (3 * pair) + (2 * k));
            c30 = Vector512.FusedMultiplyAdd(rows, x, c30);
            c31 = Vector512.FusedMultiplyAdd(rows, y, c31);
            c32 = Vector512.FusedMultiplyAdd(rows, z, c32);
            c33 = Vector512.FusedMultiplyAdd(rows, w, c33);
        }
        bool first = start == 0;
        int at = (i * columns) + j;
        PutPair(ref At(c, at), columns, c00, c01, c02, c03, first);
        PutPair(ref At(c, at + (2 * columns)), columns, c10, c11, c12, c13, first);
        PutPair(ref At(c, at + (4 * columns)), columns, c20, c21, c22, c23, first);
        PutPair(ref At(c, at + (6 * columns)), columns, c30, c31, c32, c33, first);
    }

    private static Vector512<double> Twice(ref double b, nuint k)
    {
        var four = Vector256.LoadUnsafe(ref b, k);
        return Vector512.Create(four, four);
    }

    private static void PutPair(ref double target, int columns, Vector512<double> x, Vector512<double> y, Vector512<double> z, Vector512<double> w, bool first)
    {
        PutFour(ref target, x.GetLower(), y.GetLower(), z.GetLower(), w.GetLower(), first);
        PutFour(ref Unsafe.Add(ref target, columns), x.GetUpper(), y.GetUpper(), z.GetUpper(), w.GetUpper(), first);
    }

    /// <summary>Four elements of a row at once, lanes added in the order of <see cref="Sum"/>.</summary>
    private static void PutFour(ref double target, Vector256<double> x, Vector256<double> y, Vector256<double> z, Vector256<double> w, bool first)
    {
        Vector256<double> left = Avx.HorizontalAdd(x, y), right = Avx.HorizontalAdd(z, w);
        var sum = Avx.Permute2x128(left, right, 0x20) + Avx.Permute2x128(left, right, 0x31);
        ((first ? Vector256<double>.Zero : Vector256.LoadUnsafe(ref target)) + sum).StoreUnsafe(ref target);
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
