using System.Buffers;
using System.Runtime.InteropServices;
using ParquetSharp;

namespace SparseRM.Parts;

/// <summary>A column's values until their row group is written, with their levels.</summary>
internal sealed class ParquetCells<T>
    where T : unmanaged
{
    private readonly List<short> _definitions = [], _repetitions = [];
    private readonly List<T> _values = [];

    /// <summary>A cell without a value; the level says what is absent.</summary>
    public void Add(short definition, short repetition)
    {
        _definitions.Add(definition);
        _repetitions.Add(repetition);
    }

    /// <summary>A value.</summary>
    public void Add(short definition, short repetition, T value)
    {
        Add(definition, repetition);
        _values.Add(value);
    }

    /// <summary>Writes the next column of a row group, and forgets its cells.</summary>
    public void WriteTo(RowGroupWriter group)
    {
        using (var column = (ColumnWriter<T>)group.NextColumn())
        {
            ReadOnlySpan<short> repetitions = column.ColumnDescriptor.MaxRepetitionLevel > 0 ? CollectionsMarshal.AsSpan(_repetitions) : default;
            column.WriteBatch(_definitions.Count, CollectionsMarshal.AsSpan(_definitions), repetitions, CollectionsMarshal.AsSpan(_values));
        }
        _definitions.Clear();
        _repetitions.Clear();
        _values.Clear();
    }
}

/// <summary>A column of optional texts in UTF-8 until their row group is written.</summary>
internal sealed class ParquetTexts
{
    private readonly ArrayBufferWriter<byte> _utf8 = new();
    private readonly List<(int Start, int Length)?> _cells = [];

    /// <summary>Bytes that wait.</summary>
    public int Bytes => _utf8.WrittenCount;

    /// <summary>A text, or null.</summary>
    public void Add(string? text)
    {
        if (text is null) _cells.Add(null);
        else Add(System.Text.Encoding.UTF8.GetBytes(text));
    }

    /// <summary>A text.</summary>
    public void Add(ReadOnlySpan<byte> utf8)
    {
        _cells.Add((_utf8.WrittenCount, utf8.Length));
        _utf8.Write(utf8);
    }

    /// <summary>Writes the next column of a row group, and forgets its texts.</summary>
    public void WriteTo(RowGroupWriter group)
    {
        MemoryMarshal.TryGetArray(_utf8.WrittenMemory, out var bytes);
        var pinned = GCHandle.Alloc(bytes.Array, GCHandleType.Pinned);
        try
        {
            var cells = new ParquetCells<ByteArray>();
            foreach (var cell in _cells)
                if (cell is { } at) cells.Add(1, 0, new ByteArray(pinned.AddrOfPinnedObject() + at.Start, at.Length));
                else cells.Add(0, 0);
            cells.WriteTo(group);
        }
        finally
        {
            pinned.Free();
        }
        _utf8.ResetWrittenCount();
        _cells.Clear();
    }
}
