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

    /// <summary>Hands over the sums, whose rows and columns are <paramref name="step"/> apart.</summary>
    public readonly void Store<T>(T a, int row, int column, int step) where T : struct, IProducts
    {
        a.Store(row, column, step, _row0);
        a.Store(row + step, column, step, _row1);
        a.Store(row + 2 * step, column, step, _row2);
        a.Store(row + 3 * step, column, step, _row3);
    }
}
