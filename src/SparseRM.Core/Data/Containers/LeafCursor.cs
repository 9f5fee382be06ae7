using System.Text.Json;
using ParquetSharp;

namespace SparseRM.Data.Containers;

/// <summary>One parquet column, read in batches so that a row group of any size costs little memory.</summary>
internal abstract class LeafCursor : ColumnCursor
{
    private protected const int Batch = 1024;

    public static LeafCursor Open(ColumnReader column, ParquetNode leaf) => column switch
    {
        ColumnReader<bool> values => new LeafCursor<bool>(values, leaf, (json, value, _) => json.WriteBooleanValue(value)),
        ColumnReader<int> values => new LeafCursor<int>(values, leaf, (json, value, type) => ParquetLeaf.Write(json, value, type, is32: true)),
        ColumnReader<long> values => new LeafCursor<long>(values, leaf, (json, value, type) => ParquetLeaf.Write(json, value, type, is32: false)),
        ColumnReader<float> values => new LeafCursor<float>(values, leaf, (json, value, _) => ParquetLeaf.Write(json, value)),
        ColumnReader<double> values => new LeafCursor<double>(values, leaf, (json, value, _) => ParquetLeaf.Write(json, value)),
        ColumnReader<ByteArray> values => new LeafCursor<ByteArray>(
            values, leaf, (json, value, type) => ParquetLeaf.Write(json, ParquetLeaf.Copy(value.Pointer, value.Length), type)),
        ColumnReader<FixedLenByteArray> values => new LeafCursor<FixedLenByteArray>(
            values, leaf, (json, value, type) => ParquetLeaf.Write(json, ParquetLeaf.Copy(value.Pointer, Length(values)), type)),
        _ => throw new InvalidDataException("a column holds another type than its schema says"),
    };

    private static int Length(ColumnReader column)
    {
        ColumnDescriptor descriptor = column.ColumnDescriptor;
        return descriptor.TypeLength;
    }
}

/// <summary>The batches of one type.</summary>
internal sealed class LeafCursor<T> : LeafCursor where T : unmanaged
{
    private readonly ColumnReader<T> _column;
    private readonly ParquetNode _leaf;
    private readonly Action<Utf8JsonWriter, T, LogicalType> _write;
    private readonly LogicalType _type;
    private readonly bool _hasDefinitions, _hasRepetitions;
    private readonly short[] _definitions = new short[Batch], _repetitions = new short[Batch];
    private readonly T[] _values = new T[Batch];
    private int _entry, _entries, _value, _valueCount;

    public LeafCursor(ColumnReader<T> column, ParquetNode leaf, Action<Utf8JsonWriter, T, LogicalType> write)
    {
        (_column, _leaf, _write) = (column, leaf, write);
        ColumnDescriptor descriptor = column.ColumnDescriptor;
        (_type, _hasDefinitions, _hasRepetitions) = (descriptor.LogicalType, descriptor.MaxDefinitionLevel > 0, descriptor.MaxRepetitionLevel > 0);
    }

    public override int Definition => !Fill() ? throw new InvalidDataException("a column ends before its rows do")
        : _hasDefinitions ? _definitions[_entry] : _leaf.Present;

    public override int Repetition => !Fill() ? -1 : _hasRepetitions ? _repetitions[_entry] : 0;

    public override void Skip()
    {
        _ = Definition;
        _entry++;
    }

    public override void Write(Utf8JsonWriter json)
    {
        if (Definition < _leaf.Present) json.WriteNullValue();
        else if (_value >= _valueCount) throw new InvalidDataException("a column has fewer values than its levels say");
        else _write(json, _values[_value++], _type);
        _entry++;
    }

    public override void Dispose()
    {
        _type.Dispose();
        _column.Dispose();
    }

    // A page may hold nothing, so an empty batch is not yet the end.
    private bool Fill()
    {
        while (_entry == _entries)
        {
            if (!_column.HasNext) return false;
            long levels = _column.ReadBatch(Batch, _definitions, _repetitions, _values, out long values);
            (_entry, _entries, _value, _valueCount) = (0, (int)levels, 0, (int)values);
            if (levels == 0) return false;
        }
        return true;
    }
}
