using System.Runtime.InteropServices;
using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Data;

/// <summary>One line of the jsonl that scoring, activations and tokenizing read.</summary>
/// <param name="Line">Line in the file, from 1.</param>
/// <param name="Source">The line as it was, for <see cref="ScoreOutput"/>.</param>
public abstract record ScoreInput(long Line, JsonElement Source)
{
    /// <summary>What the chat template is given beside the messages (<c>tools</c>, <c>documents</c>, other arguments by name); null for nothing.</summary>
    public JsonFields? Arguments { get; init; }

    /// <summary>The line's text in UTF-8, without blanks around it.</summary>
    public ReadOnlySpan<byte> Utf8 =>
        Source.ValueKind != JsonValueKind.Undefined ? JsonMarshal.GetRawUtf8Value(Source) : this is BadInput bad ? bad.Unread.Span : default;
}

/// <summary><c>{"prompt", "response"}</c> (or <c>completion</c>); each text or a message list.</summary>
/// <param name="Line">Line in the file, from 1.</param>
/// <param name="Source">The line as it was.</param>
/// <param name="Prompt">The dialogue before the answer; a text is one user turn.</param>
/// <param name="Response">The answer; a text is one assistant turn.</param>
public sealed record AnswerInput(long Line, JsonElement Source, IReadOnlyList<Message> Prompt, IReadOnlyList<Message> Response)
    : ScoreInput(Line, Source);

/// <summary><c>{"prompt", "responses": [...]}</c> (or <c>completions</c>): many answers to one prompt, at least one.</summary>
/// <param name="Line">Line in the file, from 1.</param>
/// <param name="Source">The line as it was.</param>
/// <param name="Prompt">The dialogue before the answers.</param>
/// <param name="Responses">The answers in order.</param>
public sealed record AnswersInput(long Line, JsonElement Source, IReadOnlyList<Message> Prompt, IReadOnlyList<IReadOnlyList<Message>> Responses)
    : ScoreInput(Line, Source);

/// <summary><c>{"messages": [...]}</c>: a whole dialogue.</summary>
/// <param name="Line">Line in the file, from 1.</param>
/// <param name="Source">The line as it was.</param>
/// <param name="Messages">The dialogue, at least one message.</param>
public sealed record DialogueInput(long Line, JsonElement Source, IReadOnlyList<Message> Messages) : ScoreInput(Line, Source);

/// <summary><c>{"text"}</c>: already rendered, so marks in it are special tokens.</summary>
/// <param name="Line">Line in the file, from 1.</param>
/// <param name="Source">The line as it was.</param>
/// <param name="Text">The rendered text, not empty.</param>
public sealed record TextInput(long Line, JsonElement Source, string Text) : ScoreInput(Line, Source);

/// <summary><c>{"ids": [...]}</c>: token ids, used as they are.</summary>
/// <param name="Line">Line in the file, from 1.</param>
/// <param name="Source">The line as it was.</param>
/// <param name="Ids">At least one id, each 0 or more.</param>
public sealed record IdsInput(long Line, JsonElement Source, IReadOnlyList<int> Ids) : ScoreInput(Line, Source);

/// <summary>A line that cannot be scored, in the place of what it should have been.</summary>
/// <param name="Line">Line in the file, from 1.</param>
/// <param name="Source">The line as it was; undefined where it is not a JSON object.</param>
/// <param name="Error">What is wrong with it; its message names file and line.</param>
public sealed record BadInput(long Line, JsonElement Source, DataFormatException Error) : ScoreInput(Line, Source)
{
    /// <summary>The line's text where it has no <see cref="ScoreInput.Source"/>; empty otherwise.</summary>
    public ReadOnlyMemory<byte> Unread { get; init; }
}
