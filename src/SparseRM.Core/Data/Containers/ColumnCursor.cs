using System.Text.Json;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace SparseRM.Data.Containers;

/// <summary>
/// Puts one parquet column of a row group together again, row by row, from the repetition and definition levels of its leaves
/// (Melnik et al. 2010, Dremel, section 4.2).
/// </summary>
internal abstract class ColumnCursor
{
    public static bool IsReadable(Type type) => type == typeof(ReadOnlyMemory<char>) || type == typeof(string) || type == typeof(bool)
        || type == typeof(int) || type == typeof(long) || type == typeof(float) || type == typeof(double);

    public static ColumnCursor Open(ParquetRowGroupReader rows, Field field) => field switch
    {
        ListField list => new ListCursor(list, Open(rows, list.Item)),
        StructField group => new StructCursor(group, [.. group.Fields.Select(child => Open(rows, child))]),
        _ => LeafCursor.Open(rows, (DataField)field),
    };

    /// <summary>Writes the next value, null where it is null.</summary>
    public abstract void Write(Utf8JsonWriter json);

    /// <summary>Steps over one entry of every leaf below: a null or an empty list.</summary>
    protected abstract void Skip();

    /// <summary>Definition level of the next entry of the first leaf below.</summary>
    protected abstract int Definition { get; }

    /// <summary>Repetition level of the next entry of the first leaf below; -1 at the end.</summary>
    protected abstract int Repetition { get; }

    private sealed class ListCursor(ListField list, ColumnCursor item) : ColumnCursor
    {
        protected override int Definition => item.Definition;

        protected override int Repetition => item.Repetition;

        protected override void Skip() => item.Skip();

        public override void Write(Utf8JsonWriter json)
        {
            if (item.Definition < list.MaxDefinitionLevel)
            {
                if (item.Definition < list.MaxDefinitionLevel - 1) json.WriteNullValue();
                else
                {
                    json.WriteStartArray();
                    json.WriteEndArray();
                }
                item.Skip();
                return;
            }
            json.WriteStartArray();
            do item.Write(json);
            while (item.Repetition == list.MaxRepetitionLevel);
            json.WriteEndArray();
        }
    }

    private sealed class StructCursor(StructField group, ColumnCursor[] children) : ColumnCursor
    {
        protected override int Definition => children[0].Definition;

        protected override int Repetition => children[0].Repetition;

        protected override void Skip()
        {
            foreach (ColumnCursor child in children) child.Skip();
        }

        public override void Write(Utf8JsonWriter json)
        {
            if (Definition < group.MaxDefinitionLevel)
            {
                json.WriteNullValue();
                Skip();
                return;
            }
            json.WriteStartObject();
            for (int i = 0; i < children.Length; i++)
            {
                json.WritePropertyName(group.Fields[i].Name);
                children[i].Write(json);
            }
            json.WriteEndObject();
        }
    }

    private sealed class LeafCursor(DataField leaf, int[]? definitions, int[]? repetitions, Action<Utf8JsonWriter, int> writeValue) : ColumnCursor
    {
        private int _entry;
        private int _value;

        protected override int Definition => definitions is null ? leaf.MaxDefinitionLevel : definitions[_entry];

        protected override int Repetition => repetitions is null || _entry >= repetitions.Length ? -1 : repetitions[_entry];

        protected override void Skip() => _entry++;

        public static ColumnCursor Open(ParquetRowGroupReader rows, DataField field)
        {
            using RawColumnData raw = rows.ReadRawColumnDataBaseAsync(field).AsTask().GetAwaiter().GetResult();
            int[]? definitions = field.MaxDefinitionLevel > 0 ? raw.DefinitionLevels.ToArray() : null;
            int[]? repetitions = field.MaxRepetitionLevel > 0 ? raw.RepetitionLevels.ToArray() : null;
            return new LeafCursor(field, definitions, repetitions, ValueWriter(raw));
        }

        public override void Write(Utf8JsonWriter json)
        {
            if (Definition < leaf.MaxDefinitionLevel) json.WriteNullValue();
            else writeValue(json, _value++);
            _entry++;
        }

        private static Action<Utf8JsonWriter, int> ValueWriter(RawColumnData raw)
        {
            switch (raw)
            {
                case RawColumnData<ReadOnlyMemory<char>> column:
                    string[] texts = new string[column.Values.Length];
                    for (int i = 0; i < texts.Length; i++) texts[i] = column.Values[i].ToString();
                    return (json, i) => json.WriteStringValue(texts[i]);
                case RawColumnData<bool> column:
                    bool[] flags = column.Values.ToArray();
                    return (json, i) => json.WriteBooleanValue(flags[i]);
                case RawColumnData<int> column:
                    int[] ints = column.Values.ToArray();
                    return (json, i) => json.WriteNumberValue(ints[i]);
                case RawColumnData<long> column:
                    long[] longs = column.Values.ToArray();
                    return (json, i) => json.WriteNumberValue(longs[i]);
                case RawColumnData<float> column:
                    float[] floats = column.Values.ToArray();
                    return (json, i) => Number(json, floats[i]);
                case RawColumnData<double> column:
                    double[] doubles = column.Values.ToArray();
                    return (json, i) => Number(json, doubles[i]);
                default:
                    throw new InvalidDataException("a column holds another type than its schema says");
            }
        }

        // JSON has no NaN; a missing number in a pandas column is one.
        private static void Number(Utf8JsonWriter json, double value)
        {
            if (double.IsFinite(value)) json.WriteNumberValue(value);
            else json.WriteNullValue();
        }
    }
}
