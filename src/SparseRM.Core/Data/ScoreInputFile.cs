using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Data.Formats;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Data;

/// <summary>Reads the lines that are to be scored.</summary>
public static class ScoreInputFile
{
    private static readonly string[] s_one = ["response", "completion"];
    private static readonly string[] s_many = ["responses", "completions"];
    private static readonly string[] s_kinds = ["prompt", "messages", "text", "ids"];

    /// <summary>Reads lines; see <see cref="Read(string, ScoreInputOptions)"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="allowEmpty">Whether there may be no answer: nothing to score then, but tokens.</param>
    /// <exception cref="DataFormatException">On enumeration: the file cannot be read or is empty, or a line is bad; the line is named.</exception>
    public static IEnumerable<ScoreInput> Read(string path, bool allowEmpty = false)
        => Read(path, new ScoreInputOptions { AllowEmpty = allowEmpty, AllowAnyEnd = allowEmpty });

    /// <summary>Reads jsonl (also .gz, also "-" for standard input) line by line, as it is enumerated.</summary>
    /// <remarks>
    /// A line has <c>prompt</c> with <c>response</c> or <c>responses</c> (TRL's <c>completion</c> and <c>completions</c> too), or
    /// <c>messages</c>, or <c>text</c>, or <c>ids</c>; one of these only. <c>system</c>, <c>tools</c>, <c>documents</c> and
    /// <c>chat_template_kwargs</c> belong to the dialogue. Other fields are kept for the output. Blank lines are passed over.
    /// A line from standard input or a pipe is given as soon as it is there; only a packed pipe is read to its end first.
    /// </remarks>
    /// <param name="path">The file.</param>
    /// <param name="options">What is let through.</param>
    /// <exception cref="DataFormatException">
    /// On enumeration: the file cannot be read or is empty, a line is too long, or a line is bad and
    /// <see cref="ScoreInputOptions.KeepBad"/> is not set; the line is named.
    /// </exception>
    public static IEnumerable<ScoreInput> Read(string path, ScoreInputOptions options)
    {
        using DataSource source = DataSource.OpenStream(path);
        bool any = false;
        var bytes = new PeekedStream(source.Rewind());
        // No more of "PAR1" than the shortest line has, since a line of a pipe is not to wait for the next.
        if (bytes.StartsWith("PAR"u8)) throw new DataFormatException(path, 0, "is parquet, expected JSON Lines; convert it, or score it by ranges of rows");
        foreach (ScoreInput line in Of(JsonLines.Read(source.Path, bytes), path, options))
        {
            any = true;
            yield return line;
        }
        if (any) yield break;
        const string Advice = "ended without a line; see whether what writes to it failed";
        throw new DataFormatException(path, 0, path == "-" ? $"standard input {Advice}" : source.CanSeek ? "holds no lines" : $"the pipe {Advice}");
    }

    /// <summary>The same rows of another reader: a part of a file, or of a parquet file.</summary>
    internal static IEnumerable<ScoreInput> Of(IEnumerable<DataRow> rows, string path, ScoreInputOptions options)
    {
        using IEnumerator<DataRow> each = rows.GetEnumerator();
        while (Next(each, path)) yield return ParseOrKeep(each.Current, options);
    }

    private static bool Next(IEnumerator<DataRow> rows, string path)
    {
        try
        {
            return rows.MoveNext();
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new DataFormatException(path, 0, $"cannot be read to its end ({e.Message.TrimEnd('.')})");
        }
    }

    /// <summary>One line that comes from elsewhere than a file.</summary>
    /// <param name="name">What it is, for messages.</param>
    /// <param name="utf8">A JSON object.</param>
    /// <exception cref="DataFormatException">As <see cref="Read(string, ScoreInputOptions)"/>.</exception>
    public static ScoreInput Parse(string name, ReadOnlySpan<byte> utf8) =>
        JsonLines.Parse(utf8, out string problem) is { } value ? Parse(DataRow.Of(name, 0, value), new ScoreInputOptions()) : throw new DataFormatException(name, 0, problem);

    private static ScoreInput ParseOrKeep(DataRow row, ScoreInputOptions options)
    {
        try
        {
            return Parse(row, options);
        }
        catch (DataFormatException e) when (options.KeepBad)
        {
            return new BadInput(row.Line, row.Source, e) { Unread = row.Unread };
        }
    }

    /// <summary>One row of any container.</summary>
    internal static ScoreInput Parse(DataRow row, ScoreInputOptions options)
    {
        try
        {
            return ParseLine(row, options);
        }
        catch (DataFormatException e) when (e.Problem.Contains(PromptColumns.Advice, StringComparison.Ordinal))
        {
            // Columns of lines to score have their own names, which nobody can change.
            throw row.Refuse(e.Problem.Replace(PromptColumns.Advice, "leave out what is not the prompt", StringComparison.Ordinal));
        }
    }

    private static ScoreInput ParseLine(DataRow row, ScoreInputOptions options)
    {
        if (row.Problem is { } problem) throw row.Refuse(problem);
        Messages.RefuseMedia(row);
        string[] answers = [.. s_one.Concat(s_many).Where(row.Has)];
        string[] kinds = [.. s_kinds.Where(row.Has)];
        if (answers.Length == 1 && kinds.Length == 0 && PromptColumns.Any(row)) kinds = ["prompt"];
        if (kinds.Length != 1) throw row.Refuse(kinds.Length > 1 ? Both(kinds) : Null(row) ?? "needs one of prompt (with response or responses), messages, text or ids");
        if (answers.Length > 0 && kinds[0] != "prompt") throw row.Refuse(Both(kinds[0], answers[0]));
        return kinds[0] switch
        {
            "prompt" => Answers(row, answers, options),
            "messages" => new DialogueInput(row.Line, row.Source, Dialogue(row, options)) { Arguments = TemplateArguments.Read(row) },
            "text" => new TextInput(row.Line, row.Source, row.Text("text") is var text && (options.AllowEmpty || text.Length > 0) ? text : throw row.Refuse("field 'text' is empty")),
            _ => new IdsInput(row.Line, row.Source, Ids(row)),
        };
    }

    private static string Both(params ReadOnlySpan<string> names) => $"has both {string.Join(" and ", names!)}; keep the one that is meant";

    // A null where a text belongs is a hole in somebody's data, not another kind of line.
    private static string? Null(DataRow row) => s_kinds.Concat(s_one).Concat(s_many).FirstOrDefault(name => row.KindOf(name) == JsonValueKind.Null) is { } name
        ? $"field '{name}' must be {(s_many.Contains(name) || name == "ids" ? "a list" : "text")}, found null" : null;

    private static ScoreInput Answers(DataRow row, string[] answers, ScoreInputOptions options)
    {
        if (answers.Length != 1) throw row.Refuse(answers.Length > 1 ? Both(answers) : Null(row) ?? "has a prompt without response or responses");
        IReadOnlyList<Message> prompt = NotBlank(row, PromptColumns.Read(row), "prompt");
        JsonFields? arguments = TemplateArguments.Read(row);
        string name = answers[0];
        if (s_one.Contains(name))
            return new AnswerInput(row.Line, row.Source, prompt, Answer(row, row.Field(name), name, options)) { Arguments = arguments };
        IReadOnlyList<JsonElement> items = row.Items(row.Field(name), name);
        if (items.Count == 0) throw row.Refuse($"field '{name}' is an empty list");
        return new AnswersInput(row.Line, row.Source, prompt, [.. items.Select((item, i) => Answer(row, item, $"{name}[{i}]", options))]) { Arguments = arguments };
    }

    private static IReadOnlyList<Message> Answer(DataRow row, JsonElement value, string name, ScoreInputOptions options)
        => EndsRight(row, NotBlank(row, Formats.Dialogue.Answer(row, value, name), name), name, options);

    private static IReadOnlyList<Message> Dialogue(DataRow row, ScoreInputOptions options)
    {
        IReadOnlyList<Message> messages = PromptColumns.WithSystem(row, Messages.List(row, row.Field("messages"), "messages"));
        if (messages.Count == 0) throw row.Refuse("field 'messages' is empty");
        if (!messages.Any(message => message.Role == "user") && PromptColumns.Other(row, "messages") is { } prompt)
            throw row.Refuse($"field 'messages' has no user turn and '{prompt}' may be it; put it into the messages");
        if (!options.AllowEmpty) NotBlank(row, messages, $"messages[{messages.Count - 1}].content");
        return EndsRight(row, messages, "messages", options);
    }

    private static IReadOnlyList<Message> EndsRight(DataRow row, IReadOnlyList<Message> messages, string name, ScoreInputOptions options)
        => options.AllowAnyEnd || messages[^1].Role == "assistant" ? messages
            : throw row.Refuse($"field '{name}' must end with an answer of the assistant, found a message of '{messages[^1].Role}'");

    private static IReadOnlyList<Message> NotBlank(DataRow row, IReadOnlyList<Message> messages, string name)
        => ItemRules.IsBlank(messages) ? throw row.Refuse($"field '{name}' is empty") : messages;

    private static int[] Ids(DataRow row)
    {
        IReadOnlyList<JsonElement> items = row.Items(row.Field("ids"), "ids");
        if (items.Count == 0) throw row.Refuse("field 'ids' is an empty list");
        var ids = new int[items.Count];
        for (int i = 0; i < ids.Length; i++)
            if (items[i].ValueKind != JsonValueKind.Number || !items[i].TryGetInt32(out ids[i]) || ids[i] < 0)
                throw row.Refuse($"field 'ids[{i}]' must be a whole number from 0 to {int.MaxValue}, found {DataRow.Kind(items[i])}");
        return ids;
    }
}
