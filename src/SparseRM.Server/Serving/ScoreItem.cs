using SparseRM.Server.Faults;
using SparseRM.Text;

namespace SparseRM.Server.Serving;

/// <summary>One thing to score, as a wire read it.</summary>
/// <param name="Field">What errors call it, such as <c>input[3]</c>.</param>
internal abstract record ScoreItem(string Field);

/// <summary>A rendered text: special tokens spelled in it are tokens.</summary>
internal sealed record TextItem(string Field, string Text) : ScoreItem(Field);

/// <summary>Token ids, with the answer's place where the client knows it.</summary>
internal sealed record IdsItem(string Field, int[] Ids, (int Start, int End)? Answer = null) : ScoreItem(Field);

/// <summary>A dialogue, rendered by the model's own template; marks in its contents are text.</summary>
internal sealed record DialogueItem(string Field, IReadOnlyList<Message> Messages, JsonFields? Arguments = null) : ScoreItem(Field)
{
    /// <summary>What is read, where the field has only its last part.</summary>
    public string Whole { get; private init; } = Field;

    /// <summary>An answer to a prompt.</summary>
    /// <param name="field">What errors call the answer.</param>
    /// <param name="prompt">The prompt, which answers share.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="arguments">What the template gets beside them.</param>
    /// <param name="prior">What its owner calls the prompt; null where the field has both.</param>
    public static DialogueItem Of(string field, IReadOnlyList<Message> prompt, string answer, JsonFields? arguments = null, string? prior = "prompt") =>
        new(field, new AnsweredPrompt(prompt, new Message("assistant", answer)), arguments) { Whole = prior is null ? field : $"{field} with its {prior}" };

    /// <summary>A prompt's messages and one more: nothing of the prompt is copied, which a request may answer thousands of times.</summary>
    private sealed class AnsweredPrompt(IReadOnlyList<Message> prompt, Message answer) : IReadOnlyList<Message>
    {
        public int Count => prompt.Count + 1;

        public Message this[int index] => index == prompt.Count ? answer : prompt[index];

        public IEnumerator<Message> GetEnumerator() => prompt.Append(answer).GetEnumerator();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}

/// <summary>An input that its wire could not read; its neighbours are scored nonetheless where the wire can say so.</summary>
internal sealed record BadItem(string Field, Fault Fault) : ScoreItem(Field);
