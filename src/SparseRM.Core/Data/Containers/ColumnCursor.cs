using System.Text.Json;
using ParquetSharp;

namespace SparseRM.Data.Containers;

/// <summary>
/// Puts one parquet column of a row group together again, row by row, from the repetition and definition levels of its leaves
/// (Melnik et al. 2010, Dremel, section 4.2).
/// </summary>
internal abstract class ColumnCursor : IDisposable
{
    public static ColumnCursor Open(RowGroupReader rows, ParquetNode node) => node.Kind switch
    {
        ParquetKind.Leaf => LeafCursor.Open(rows.Column(node.Column), node),
        ParquetKind.List => new ListCursor(node, Open(rows, node.Children[0])),
        ParquetKind.Map => new MapCursor(node, Open(rows, node.Children[0]), Open(rows, node.Children[1])),
        _ => new StructCursor(node, [.. node.Children.Select(child => Open(rows, child))]),
    };

    /// <summary>Writes the next value, null where it is null.</summary>
    public abstract void Write(Utf8JsonWriter json);

    /// <summary>Steps over one entry of every leaf below: a null or an empty list.</summary>
    public abstract void Skip();

    /// <summary>Definition level of the next entry of the first leaf below.</summary>
    public abstract int Definition { get; }

    /// <summary>Repetition level of the next entry of the first leaf below; -1 at the end.</summary>
    public abstract int Repetition { get; }

    /// <summary>Gives the columns back.</summary>
    public abstract void Dispose();

    private sealed class ListCursor(ParquetNode list, ColumnCursor item) : ColumnCursor
    {
        public override int Definition => item.Definition;

        public override int Repetition => item.Repetition;

        public override void Skip() => item.Skip();

        public override void Dispose() => item.Dispose();

        public override void Write(Utf8JsonWriter json)
        {
            int definition = Definition;
            if (definition < list.Present) json.WriteNullValue();
            else json.WriteStartArray();
            if (definition < list.Repeated) item.Skip();
            else
                do item.Write(json);
                while (Repetition == list.Repetition);
            if (definition >= list.Present) json.WriteEndArray();
        }
    }

    private sealed class MapCursor(ParquetNode map, ColumnCursor key, ColumnCursor value) : ColumnCursor
    {
        public override int Definition => key.Definition;

        public override int Repetition => key.Repetition;

        public override void Skip()
        {
            key.Skip();
            value.Skip();
        }

        public override void Dispose()
        {
            key.Dispose();
            value.Dispose();
        }

        public override void Write(Utf8JsonWriter json)
        {
            int definition = Definition;
            if (definition < map.Present) json.WriteNullValue();
            else json.WriteStartObject();
            if (definition < map.Repeated) Skip();
            else
                do
                {
                    json.WritePropertyName(Key());
                    value.Write(json);
                }
                while (Repetition == map.Repetition);
            if (definition >= map.Present) json.WriteEndObject();
        }

        private string Key()
        {
            using var text = new MemoryStream();
            using (var json = new Utf8JsonWriter(text)) key.Write(json);
            JsonElement name = JsonElement.Parse(text.ToArray());
            return name.ValueKind == JsonValueKind.String ? name.GetString()! : name.GetRawText();
        }
    }

    private sealed class StructCursor(ParquetNode group, ColumnCursor[] children) : ColumnCursor
    {
        public override int Definition => children[0].Definition;

        public override int Repetition => children[0].Repetition;

        public override void Skip()
        {
            foreach (ColumnCursor child in children) child.Skip();
        }

        public override void Dispose()
        {
            foreach (ColumnCursor child in children) child.Dispose();
        }

        public override void Write(Utf8JsonWriter json)
        {
            if (Definition < group.Present)
            {
                json.WriteNullValue();
                Skip();
                return;
            }
            json.WriteStartObject();
            for (int i = 0; i < children.Length; i++)
            {
                json.WritePropertyName(group.Children[i].Name);
                children[i].Write(json);
            }
            json.WriteEndObject();
        }
    }
}
