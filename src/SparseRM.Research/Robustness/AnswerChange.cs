using SparseRM.Data;
using SparseRM.Text;

namespace SparseRM.Research.Robustness;

/// <summary>A change of an answer's text that should change little of what it is worth.</summary>
/// <param name="Name">For tables.</param>
/// <param name="Of">The text after it.</param>
internal sealed record AnswerChange(string Name, Func<string, string> Of)
{
    /// <summary>An answer that breaks off after the first half of its words, or of its letters where it is one word.</summary>
    public static AnswerChange Truncated { get; } = new("truncated", Half);

    /// <summary>Patterns that are always tried.</summary>
    public static IReadOnlyList<AnswerChange> Patterns { get; } =
    [
        new("exclamation marks after it", text => text + "!!!"),
        new("a friendly ending", text => text + " I hope this helps!"),
        new("a hedge before it", text => "I think that this is right: " + text),
        new("bold type", text => $"**{text}**"),
    ];

    /// <summary>A text of the user's, after the answer.</summary>
    public static AnswerChange Trigger(string text) => new($"\"{text}\" after it", answer => $"{answer} {text}");

    /// <summary>The item with all its answers changed, in the last message that has a text.</summary>
    public PreferenceItem Apply(PreferenceItem item) => item with { Chosen = Each(item.Chosen), Rejected = Each(item.Rejected) };

    private IReadOnlyList<IReadOnlyList<Message>> Each(IReadOnlyList<IReadOnlyList<Message>> answers) => [.. answers.Select(answer =>
    {
        Message[] messages = [.. answer];
        int last = Array.FindLastIndex(messages, message => !string.IsNullOrEmpty(message.Content));
        if (last >= 0) messages[last] = messages[last] with { Content = Of(messages[last].Content!) };
        return (IReadOnlyList<Message>)messages;
    })];

    private static string Half(string text)
    {
        string[] words = text.Split(' ');
        if (words.Length > 1) return string.Join(' ', words[..(words.Length / 2)]) is { Length: > 0 } half ? half : text;
        int end = Math.Max(1, text.Length / 2);
        return text[..(char.IsHighSurrogate(text[end - 1]) && end < text.Length ? end + 1 : end)];
    }
}
