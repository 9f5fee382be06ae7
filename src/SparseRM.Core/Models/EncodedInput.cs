using SparseRM.Errors;

namespace SparseRM.Models;

/// <summary>An input as token ids, and where its answer lies among them.</summary>
/// <param name="Ids">Token ids, at least one.</param>
/// <param name="AnswerStart">Index of the answer's first token; the number of ids where the answer is not known.</param>
/// <param name="AnswerEnd">One past the index of the answer's last token.</param>
/// <param name="Dropped">Tokens that truncation cut off; 0 where nothing was.</param>
public sealed record EncodedInput(ReadOnlyMemory<int> Ids, int AnswerStart, int AnswerEnd, int Dropped = 0)
{
    /// <summary>Whether the answer's tokens are known and there is any.</summary>
    public bool HasAnswer => AnswerStart < AnswerEnd;

    /// <summary>What a reward of that position reads: one state.</summary>
    /// <exception cref="SparseRMException">The position needs the answer's tokens, and there are none or they are not known.</exception>
    public TokenSequence ReadAt(ReadOutPosition position) => new(Ids, position switch
    {
        ReadOutPosition.Last => ReadOut.At(Ids.Length - 1),
        ReadOutPosition.Content => ReadOut.At(Answer(position).End - 1),
        _ => ReadOut.Mean(Answer(position).Start, AnswerEnd),
    });

    /// <summary>
    /// A state for each token of the answer, in order. With <see cref="ReadOutPosition.Last"/> the tokens after the answer (the template's end marks)
    /// come along, so that the last state is that of <see cref="ReadAt"/>; where the answer is not known, every token of the input.
    /// </summary>
    /// <exception cref="SparseRMException">As <see cref="ReadAt"/>.</exception>
    public TokenSequence ReadEach(ReadOutPosition position)
    {
        if (position != ReadOutPosition.Last) return new(Ids, ReadOut.Each(Answer(position).Start, AnswerEnd));
        return new(Ids, ReadOut.Each(HasAnswer ? AnswerStart : 0, Ids.Length));
    }

    private (int Start, int End) Answer(ReadOutPosition position) => HasAnswer ? (AnswerStart, AnswerEnd)
        : throw new SparseRMException(
            $"the answer has no tokens to read, or it is not known which they are, and position {position.ToString().ToLowerInvariant()} needs them; "
            + "give messages or a prompt with a response that is not empty, or use position last");
}
