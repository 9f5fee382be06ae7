namespace SparseRM.Backends;

/// <summary>Active latents of some rows: ids rising within a row, values above zero. Reused from call to call.</summary>
public sealed class SparseLatents
{
    private readonly List<int> _ends = [];
    private int[] _indices = new int[1024];
    private float[] _values = new float[1024];

    /// <summary>Number of rows.</summary>
    public int Rows => _ends.Count;

    /// <summary>Active latents in all rows.</summary>
    public int Count => _ends.Count == 0 ? 0 : _ends[^1];

    /// <summary>Ids of a row's active latents.</summary>
    public ReadOnlySpan<int> Indices(int row) => _indices.AsSpan(Start(row), _ends[row] - Start(row));

    /// <summary>Their activations.</summary>
    public ReadOnlySpan<float> Values(int row) => _values.AsSpan(Start(row), _ends[row] - Start(row));

    /// <summary>Forgets all rows and keeps the memory.</summary>
    public void Clear() => _ends.Clear();

    /// <summary>Adds a row of up to <paramref name="capacity"/> latents that <paramref name="fill"/> writes; it returns how many.</summary>
    public void AddRow(int capacity, Filler fill)
    {
        int start = Count;
        if (start + capacity > _indices.Length)
        {
            int length = Math.Max(start + capacity, 2 * _indices.Length);
            Array.Resize(ref _indices, length);
            Array.Resize(ref _values, length);
        }
        _ends.Add(start + fill(_indices.AsSpan(start, capacity), _values.AsSpan(start, capacity)));
    }

    /// <summary>Writes ids and values and returns their number.</summary>
    public delegate int Filler(Span<int> indices, Span<float> values);

    private int Start(int row) => row == 0 ? 0 : _ends[row - 1];
}
