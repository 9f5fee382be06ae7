using System.Text;
using SparseRM.Data.Containers;
using SparseRM.Data.Formats;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Data;

/// <summary>Texts of any file, one after the other: what a model is run on for its states alone.</summary>
internal static class TextRows
{
    private static readonly string[] s_plain = ["text", "messages", "ids", "response", "completion", "responses", "completions"];
    private static readonly ScoreInputOptions s_options = new() { AllowEmpty = true, AllowAnyEnd = true };

    /// <summary>Reads rows as they are asked for.</summary>
    /// <remarks>
    /// A file called .txt has a text a line. Of jsonl, json, csv and parquet, rows are those that scoring reads (<c>text</c>, <c>messages</c>, <c>ids</c>, a prompt
    /// with its response or responses), or preference data of any known format, of which every answer is a dialogue. Texts without a character are passed over.
    /// </remarks>
    /// <param name="source">The file.</param>
    /// <exception cref="DataFormatException">On enumeration: the file or a row cannot be read.</exception>
    public static IEnumerable<ScoreInput> Of(DataSource source)
    {
        if (source.Extension == ".txt") return Lines(source);
        return ContainerCatalog.Open(source, split: null).Rows.SelectMany(Texts);
    }

    private static IEnumerable<ScoreInput> Texts(DataRow row)
    {
        if (row.Problem is { } problem) throw row.Refuse(problem);
        if (!s_plain.Any(row.Has) && FormatCatalog.All.FirstOrDefault(format => format.Matches(row)) is { } format)
        {
            var item = format.Read(row, new PreferenceReadOptions());
            return item.Chosen.Concat(item.Rejected).Select(answer => Dialogue(row, [.. item.Prompt, .. answer], item.Arguments));
        }
        if (!s_plain.Any(row.Has)) throw row.Refuse($"has {row.ColumnList()}; expected text, messages, ids, a prompt with a response, or a preference pair");
        return ScoreInputFile.Parse(row, s_options) switch
        {
            TextInput { Text: "" } => [],
            AnswerInput answer => [Dialogue(row, [.. answer.Prompt, .. answer.Response], answer.Arguments)],
            AnswersInput answers => answers.Responses.Select(response => Dialogue(row, [.. answers.Prompt, .. response], answers.Arguments)),
            var text => [text],
        };
    }

    private static DialogueInput Dialogue(DataRow row, IReadOnlyList<Message> messages, JsonFields? arguments) => new(row.Line, row.Source, messages) { Arguments = arguments };

    private static IEnumerable<ScoreInput> Lines(DataSource source)
    {
        using var reader = new StreamReader(source.Rewind(), new UTF8Encoding(false, throwOnInvalidBytes: true));
        for (long number = 1; ; number++)
        {
            string? line = NextLine(reader, source.Path, number);
            if (line is null) yield break;
            if (!string.IsNullOrWhiteSpace(line)) yield return new TextInput(number, default, line);
        }
    }

    private static string? NextLine(StreamReader reader, string path, long number)
    {
        var line = new StringBuilder();
        try
        {
            for (int c = reader.Read(); c != '\n'; c = reader.Read())
            {
                if (c < 0) return line.Length == 0 ? null : line.ToString();
                if (line.Length >= Limits.LineBytes) throw new DataFormatException(path, number, "is longer than 64 MiB");
                line.Append((char)c);
            }
            return line.ToString().TrimEnd('\r');
        }
        catch (DecoderFallbackException)
        {
            throw new DataFormatException(path, number, "is not UTF-8 text (here or a little further on)");
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new DataFormatException(path, number, $"cannot be read ({e.Message.TrimEnd('.')})");
        }
    }
}
