using System.Text.Json;
using SparseRM.Data;
using SparseRM.Data.Containers;
using SparseRM.Data.Formats;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Research.Alignment;

/// <summary>Reads scored answers prompt by prompt; memory holds one prompt at a time.</summary>
/// <remarks>
/// A line is what <c>sparserm score</c> writes: <c>prompt</c> with <c>responses</c> and <c>scores</c> (one each, null where an answer has none), or with
/// <c>response</c> and <c>score</c>, or <c>messages</c> that end with the answer, and <c>score</c>. Neighbouring lines of one prompt belong together.
/// </remarks>
public static class ScoredGroups
{
    /// <summary>The prompts in the order of the file, read as they are asked for.</summary>
    /// <param name="path">jsonl, also .gz; - is standard input.</param>
    /// <exception cref="DataFormatException">
    /// On enumeration: the file cannot be read, a line is bad or has no scores, a score is no finite number; at the end, where all scores are equal.
    /// </exception>
    public static IEnumerable<ScoredGroup> Read(string path)
    {
        ScoredGroup? open = null;
        (float First, bool Differ, long Count) seen = (0, false, 0);
        foreach (var line in ScoreInputFile.Read(path, new ScoreInputOptions { KeepBad = true }))
        {
            var group = Of(path, line);
            foreach (var answer in group.Answers)
                seen = (seen.Count == 0 ? answer.Score : seen.First, seen.Differ || (seen.Count > 0 && answer.Score != seen.First), seen.Count + 1);
            if (open is not null && Joins(open, group)) open = Joined(open, group);
            else
            {
                if (open is not null) yield return open;
                open = group;
            }
        }
        yield return open!;
        if (seen.Count > 1 && !seen.Differ) throw new DataFormatException(path, 0, ScoreField.AllEqual(seen.Count, seen.First));
        if (seen.Count == 0) throw new DataFormatException(path, 0, "none of its answers has a score; score them first (sparserm score)");
    }

    private static bool Joins(ScoredGroup open, ScoredGroup next) => next.Prompt.Count > 0 && ByMessages.Instance.Equals(open.Prompt, next.Prompt) && Equals(open.Arguments, next.Arguments);

    private static ScoredGroup Joined(ScoredGroup open, ScoredGroup next) => open with
    {
        Answers = [.. open.Answers, .. next.Answers],
        Unscored = open.Unscored + next.Unscored,
        Id = open.Id == next.Id ? open.Id : null,
    };

    private static ScoredGroup Of(string path, ScoreInput line)
    {
        if (line is BadInput bad)
        {
            // What score --skip-bad leaves of a bad line: no score, and why.
            if (bad.Source.ValueKind == JsonValueKind.Object && bad.Source.TryGetProperty("score", out var none) && none.ValueKind == JsonValueKind.Null && bad.Source.TryGetProperty("error", out _))
                return new ScoredGroup([], null, null, [], 1, line.Line);
            throw bad.Error;
        }
        var (prompt, answers) = line switch
        {
            AnswersInput many => (many.Prompt, many.Responses),
            AnswerInput one => (one.Prompt, [one.Response]),
            DialogueInput dialogue => Split(path, dialogue),
            _ => throw new DataFormatException(path, line.Line, "has a rendered text or token ids, of which nobody knows where the answer begins; give prompt and responses, or messages"),
        };
        float?[] scores = line is AnswersInput ? ScoreField.Many(path, line, answers.Count) : [ScoreField.One(path, line)];
        string? id = line.Source.TryGetProperty("id", out var given) && given.ValueKind is JsonValueKind.String or JsonValueKind.Number ? given.ToString() : null;
        return new ScoredGroup(prompt, line.Arguments, id, [.. answers.Zip(scores).Where(pair => pair.Second is not null).Select(pair => new ScoredAnswer(pair.First, pair.Second!.Value))],
            scores.Count(score => score is null), line.Line);
    }

    private static (IReadOnlyList<Message> Prompt, IReadOnlyList<IReadOnlyList<Message>> Answers) Split(string path, DialogueInput dialogue)
    {
        int start = dialogue.Messages.Count;
        while (start > 0 && dialogue.Messages[start - 1].Role == "assistant") start--;
        return dialogue.Messages.Take(start).Any(message => message.Role == "user") ? ([.. dialogue.Messages.Take(start)], [[.. dialogue.Messages.Skip(start)]])
            : throw new DataFormatException(path, dialogue.Line, "field 'messages' has no user turn before its answer, so there is no prompt to compare answers of");
    }
}
