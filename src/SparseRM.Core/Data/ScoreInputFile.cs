using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Data.Formats;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Data;

/// <summary>Reads the lines that are to be scored.</summary>
public static class ScoreInputFile
{
    /// <summary>Reads jsonl (also .gz, also "-" for standard input) line by line, as it is enumerated.</summary>
    /// <remarks>
    /// A line has <c>prompt</c> with <c>response</c> or <c>responses</c>, or <c>messages</c>, or <c>text</c>, or <c>ids</c>; one of these only.
    /// Other fields are kept for the output. Blank lines are passed over. Standard input and pipes are read to their end first.
    /// </remarks>
    /// <param name="path">The file.</param>
    /// <param name="allowEmpty">Whether a text, or the last message of a dialogue, may be empty: there is nothing to score then, but there are tokens.</param>
    /// <exception cref="DataFormatException">On enumeration: the file cannot be read or is empty, or a line is bad; the line is named.</exception>
    public static IEnumerable<ScoreInput> Read(string path, bool allowEmpty = false)
    {
        using DataSource source = DataSource.Open(path);
        bool any = false;
        using IEnumerator<DataRow> rows = JsonLines.Read(source.Path, source.Rewind()).GetEnumerator();
        while (Next(rows, path))
        {
            any = true;
            yield return Parse(rows.Current, allowEmpty);
        }
        if (!any) throw new DataFormatException(path, 0, "holds no lines");
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

    private static ScoreInput Parse(DataRow row, bool allowEmpty)
    {
        if (row.Problem is { } problem) throw row.Refuse(problem);
        string[] kinds = [.. ((string[])["prompt", "messages", "text", "ids"]).Where(row.Has)];
        if (kinds.Length != 1)
            throw row.Refuse(kinds.Length == 0
                ? "needs one of prompt (with response or responses), messages, text or ids"
                : $"has both {string.Join(" and ", kinds)}; keep the one that is meant");
        if (kinds[0] != "prompt" && (row.Has("response") || row.Has("responses")))
            throw row.Refuse($"has both {kinds[0]} and {(row.Has("response") ? "response" : "responses")}; keep the one that is meant");
        return kinds[0] switch
        {
            "prompt" => Answers(row),
            "messages" => new DialogueInput(row.Line, row.Source, Messages(row, allowEmpty)),
            "text" => new TextInput(row.Line, row.Source, row.Text("text") is var text && (allowEmpty || text.Length > 0) ? text : throw row.Refuse("field 'text' is empty")),
            _ => new IdsInput(row.Line, row.Source, Ids(row)),
        };
    }

    private static ScoreInput Answers(DataRow row)
    {
        IReadOnlyList<Message> prompt = NotBlank(row, Dialogue.Prompt(row, "prompt"), "prompt");
        if (row.Has("response") == row.Has("responses"))
            throw row.Refuse(row.Has("response") ? "has both response and responses; keep the one that is meant" : "has a prompt without response or responses");
        if (row.Has("response")) return new AnswerInput(row.Line, row.Source, prompt, NotBlank(row, Dialogue.Answer(row, "response"), "response"));
        IReadOnlyList<JsonElement> items = row.Items(row.Field("responses"), "responses");
        if (items.Count == 0) throw row.Refuse("field 'responses' is an empty list");
        return new AnswersInput(row.Line, row.Source, prompt, [.. items.Select((item, i) =>
        {
            string name = $"responses[{i}]";
            return NotBlank(row, Dialogue.TurnOrMessages(row, item, name, "assistant"), name);
        })]);
    }

    private static IReadOnlyList<Message> Messages(DataRow row, bool allowEmpty)
    {
        var messages = Dialogue.Messages(row, row.Field("messages"), "messages");
        return allowEmpty ? messages : NotBlank(row, messages, messages.Count == 0 ? "messages" : $"messages[{messages.Count - 1}].content");
    }

    private static IReadOnlyList<Message> NotBlank(DataRow row, IReadOnlyList<Message> messages, string name)
        => messages.Count > 0 && !string.IsNullOrWhiteSpace(messages[^1].Content) ? messages : throw row.Refuse($"field '{name}' is empty");

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
