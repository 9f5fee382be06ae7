namespace SparseRM.Ilgpu.Ops;

/// <summary>Four floats in registers.</summary>
internal struct Four(float a, float b, float c, float d)
{
    public float A = a, B = b, C = c, D = d;

    /// <summary>this += x * y.</summary>
    public void Add(float x, Four y)
    {
        A += x * y.A;
        B += x * y.B;
        C += x * y.C;
        D += x * y.D;
    }
}

/// <summary>Sixteen sums in registers, 4 rows by 4 outputs: named, since an indexed array would go to local memory.</summary>
internal struct Block16
{
    private Four _row0, _row1, _row2, _row3;

    /// <summary>sums[r, o] += x[r] * w[o].</summary>
    public void Add(Four x, Four w)
    {
        _row0.Add(x.A, w);
        _row1.Add(x.B, w);
        _row2.Add(x.C, w);
        _row3.Add(x.D, w);
    }

    /// <summary>Stores the sums at rows and outputs that are <paramref name="step"/> apart.</summary>
    public readonly void Store<TX, TW>(MatMulArguments<TX, TW> a, int row, int output, int step) where TX : unmanaged where TW : unmanaged
    {
        Store(a, row, output, step, _row0);
        Store(a, row + step, output, step, _row1);
        Store(a, row + 2 * step, output, step, _row2);
        Store(a, row + 3 * step, output, step, _row3);
    }

    private static void Store<TX, TW>(MatMulArguments<TX, TW> a, int row, int output, int step, Four sums) where TX : unmanaged where TW : unmanaged
    {
        a.Store(row, output, sums.A);
        a.Store(row, output + step, sums.B);
        a.Store(row, output + 2 * step, sums.C);
        a.Store(row, output + 3 * step, sums.D);
    }
}
