using System.Text.Json;
using System.Text.Unicode;
using SparseRM.Errors;

namespace SparseRM.Data.Containers;

/// <summary>A whole JSON document in any of the shapes of <see cref="JsonTable"/>. Rows count from 1.</summary>
internal static class JsonDocumentRows
{
    public static IEnumerable<DataRow> Read(string path, Stream stream, string? split)
    {
        JsonElement root = Parse(path, ReadAll(path, stream));
        long row = 0;
        foreach (JsonElement value in JsonTable.Rows(path, root, split)) yield return DataRow.Of(path, ++row, value, "row");
    }

    private static JsonElement Parse(string path, ReadOnlyMemory<byte> utf8)
    {
        if (!Utf8.IsValid(utf8.Span)) throw new DataFormatException(path, 0, "is not UTF-8 text");
        try
        {
            return JsonElement.Parse(utf8.Span, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            throw new DataFormatException(path, e.LineNumber + 1 ?? 0, "is not valid JSON, or a field occurs twice");
        }
        catch (InvalidOperationException)
        {
            throw new DataFormatException(path, 0, "a field's name holds a lone surrogate, which is not text");
        }
    }

    private static ReadOnlyMemory<byte> ReadAll(string path, Stream stream)
    {
        var all = new MemoryStream();
        var block = new byte[1 << 16];
        long values = 0;
        for (int n; (n = stream.Read(block)) > 0;)
        {
            if (all.Length + n > Limits.WholeFileBytes)
                throw new DataFormatException(path, 0, "is over 1 GiB as one JSON document; give it as jsonl, one object a line");
            all.Write(block, 0, n);
            // A parsed value takes 12 bytes beside its text, and none is without one of these.
            values += block.AsSpan(0, n).Count((byte)',') + block.AsSpan(0, n).Count((byte)'[') + block.AsSpan(0, n).Count((byte)'{');
            if (values > Limits.Values)
                throw new DataFormatException(path, 0, $"holds over {Limits.Values} values as one JSON document; give it as jsonl, one object a line");
        }
        ReadOnlyMemory<byte> utf8 = all.GetBuffer().AsMemory(0, (int)all.Length);
        return utf8.Span.StartsWith("\uFEFF"u8) ? utf8[3..] : utf8;
    }
}
