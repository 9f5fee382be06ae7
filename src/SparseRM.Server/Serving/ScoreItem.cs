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
    /// <summary>What is read: the field is only the last part of it where the prompt has a field of its own.</summary>
    public string Whole { get; private init; } = Field;

    /// <summary>An answer to a prompt.</summary>
    public static DialogueItem Of(string field, IReadOnlyList<Message> prompt, string answer, JsonFields? arguments = null) =>
        new(field, [.. prompt, new Message("assistant", answer)], arguments) { Whole = $"{field} with its prompt" };
}

/// <summary>An input that its wire could not read; its neighbours are scored nonetheless where the wire can say so.</summary>
internal sealed record BadItem(string Field, Http.Fault Fault) : ScoreItem(Field);
