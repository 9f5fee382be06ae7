namespace SparseRM.Text;

/// <summary>A dialogue as its chat template wrote it, with the origin of every character.</summary>
/// <remarks>The origin is what keeps content from becoming markup: <c>&lt;end_of_turn&gt;</c> typed by a user is text, the template's own
/// is a token.</remarks>
/// <param name="Text">The rendered text.</param>
/// <param name="Spans">Covers <paramref name="Text"/> without holes, in order; neighbours differ in origin.</param>
/// <param name="LastMessage">Index of the last message, whose fields other than the role are the answer; -1 for an empty dialogue.</param>
public sealed record RenderedDialogue(string Text, IReadOnlyList<TextSpan> Spans, int LastMessage);
