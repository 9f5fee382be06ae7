using System.Text;
using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Errors;

namespace SparseRM.Research.Answers;

/// <summary>Lines of scores, of a file (also .gz) or of standard input, read as they come.</summary>
internal static class ScoreLines
{
    /// <summary>Each line that is not blank, with its number from 1.</summary>
    /// <param name="path">jsonl, also .gz; - is standard input.</param>
    /// <param name="form">What a line must be, for the message.</param>
    /// <exception cref="DataFormatException">On enumeration: the file cannot be read, is packed and cut short, or a line is not JSON.</exception>
    public static IEnumerable<(long Line, JsonElement Value)> Read(string path, string form)
    {
        if (Directory.Exists(path)) throw new DataFormatException(path, 0, "the scores cannot be read: it is a folder; name a file in it");
        if (path != "-" && !File.Exists(path)) throw new DataFormatException(path, 0, "the scores cannot be read: there is no such file; check the path");
        using var source = DataSource.OpenStream(path);
        using var reader = new StreamReader(source.Rewind());
        for (long number = 1; Next(path, reader) is { } line; number++)
        {
            if (string.IsNullOrWhiteSpace(line)) continue;
            if (JsonLines.Parse(Encoding.UTF8.GetBytes(line.Trim('\uFEFF', ' ', '\t', '\r')), out string problem) is not { } value)
                throw new DataFormatException(path, number, $"{problem}; each line must be {form}");
            yield return (number, value);
        }
    }

    private static string? Next(string path, StreamReader reader)
    {
        try
        {
            return reader.ReadLine();
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            throw new DataFormatException(path, 0, $"the scores cannot be read ({error.Message.TrimEnd('.')})");
        }
    }
}
