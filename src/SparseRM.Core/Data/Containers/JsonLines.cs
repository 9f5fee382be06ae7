using System.Text.Json;
using System.Text.Unicode;
using SparseRM.Errors;

namespace SparseRM.Data.Containers;

/// <summary>jsonl: one JSON object a line, UTF-8, a byte order mark allowed, blank lines passed over.</summary>
internal static class JsonLines
{
    /// <summary>What a blank line may hold.</summary>
    public static ReadOnlySpan<byte> Blanks => " \t\r"u8;

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false };

    /// <summary>Rows in file order, read as they are asked for.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="stream">Stands at the beginning of a line.</param>
    /// <param name="line">Number of that line in the file, from 1.</param>
    /// <param name="skip">Rows that are passed over without being parsed.</param>
    public static IEnumerable<DataRow> Read(string path, Stream stream, long line = 1, long skip = 0)
    {
        var buffer = new byte[1 << 16];
        int start = 0, end = 0;
        for (bool more = true; more || start < end;)
        {
            int length = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (length < 0 && more)
            {
                buffer = MakeRoom(path, line, buffer, ref start, ref end);
                int n = stream.Read(buffer, end, buffer.Length - end);
                end += n;
                more = n > 0;
                continue;
            }
            if (length < 0) length = end - start;
            DataRow? row = Row(path, line, buffer.AsSpan(start, length), ref skip);
            start = Math.Min(end, start + length + 1);
            line++;
            if (row is not null) yield return row;
        }
    }

    /// <summary>Parses one JSON text strictly; on failure <paramref name="problem"/> says why.</summary>
    public static JsonElement? Parse(ReadOnlySpan<byte> utf8, out string problem)
    {
        problem = "";
        if (!Utf8.IsValid(utf8)) problem = "is not UTF-8 text";
        else
        {
            try
            {
                return JsonElement.Parse(utf8, s_strict);
            }
            catch (JsonException e)
            {
                problem = e.Message.StartsWith("Duplicate", StringComparison.Ordinal)
                    ? "is not valid JSON: a field occurs twice"
                    : $"is not valid JSON at byte {e.BytePositionInLine + 1}";
            }
            catch (InvalidOperationException)
            {
                problem = "a field's name holds a lone surrogate, which is not text";
            }
        }
        return null;
    }

    private static DataRow? Row(string path, long line, ReadOnlySpan<byte> utf8, ref long skip)
    {
        if (line == 1 && utf8.StartsWith("\uFEFF"u8)) utf8 = utf8[3..];
        utf8 = utf8.Trim(Blanks);
        if (utf8.IsEmpty) return null;
        if (skip > 0)
        {
            skip--;
            return null;
        }
        var row = Parse(utf8, out string problem) is { } value ? DataRow.Of(path, line, value) : DataRow.Bad(path, line, problem);
        return row.Source.ValueKind == JsonValueKind.Undefined ? row.WithUnread(utf8.ToArray()) : row;
    }

    private static byte[] MakeRoom(string path, long line, byte[] buffer, ref int start, ref int end)
    {
        if (end < buffer.Length) return buffer;
        byte[] target = start > 0 ? buffer : new byte[Math.Min(2L * buffer.Length, Limits.LineBytes)];
        if (start == 0 && buffer.Length >= Limits.LineBytes) throw new DataFormatException(path, line, "is longer than 64 MiB");
        buffer.AsSpan(start, end - start).CopyTo(target);
        (start, end) = (0, end - start);
        return target;
    }
}
