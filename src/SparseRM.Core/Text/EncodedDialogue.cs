namespace SparseRM.Text;

/// <summary>Token ids of a rendered dialogue, and where the answer lies among them.</summary>
/// <remarks>Tokens [<paramref name="AnswerStart"/>, <paramref name="AnswerEnd"/>) run from the first to the last token that holds a
/// character of the last message: of its content and of its other fields but the role, so that a bare tool call is an answer too, from the
/// first to the last character of what the template wrote of it. Where nothing of them is in the text, both are the number of ids.</remarks>
/// <param name="Ids">Token ids, with exactly one BOS where the tokenizer uses one.</param>
/// <param name="Text">The rendered text.</param>
/// <param name="AnswerStart">Index of the answer's first token.</param>
/// <param name="AnswerEnd">One past the index of the answer's last token.</param>
public sealed record EncodedDialogue(int[] Ids, string Text, int AnswerStart, int AnswerEnd);
