using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Text;

namespace SparseRM.Scoring;

/// <summary>Turns dialogues, rendered texts or ids into token ids that a model can run. Thread-safe.</summary>
/// <param name="tokenizer">The model's tokenizer; null where only ids are given.</param>
/// <param name="template">The chat template; null where only rendered texts or ids are given.</param>
/// <param name="truncation">What happens to inputs longer than <paramref name="nCtx"/>.</param>
/// <param name="nCtx">The model's context, in tokens.</param>
/// <param name="dVocab">Rows of the model's embedding.</param>
/// <param name="isDynamic">Whether the model's rope is dynamic, which the refusal of a longer input tells.</param>
public sealed class InputEncoder(ModelTokenizer? tokenizer, ChatTemplate? template, Truncation truncation, int nCtx, int dVocab, bool isDynamic = false)
{
    private long _cut;

    /// <summary>Inputs so far that were longer than the context and were cut.</summary>
    public long CutInputs => Interlocked.Read(ref _cut);

    /// <summary>A dialogue whose last message is the answer.</summary>
    /// <exception cref="SparseRMException">No template or tokenizer; the template refuses the dialogue; the input is too long.</exception>
    public EncodedInput Encode(IReadOnlyList<Message> dialogue) => Encode(dialogue, null);

    /// <summary>A dialogue whose last message is the answer.</summary>
    /// <param name="dialogue">The messages, oldest first.</param>
    /// <param name="arguments">What the template is given beside them; null for nothing.</param>
    /// <param name="cancel">Ends a template that takes long.</param>
    /// <exception cref="SparseRMException">No template or tokenizer; the template refuses the dialogue; the input is too long.</exception>
    public EncodedInput Encode(IReadOnlyList<Message> dialogue, JsonFields? arguments, CancellationToken cancel = default)
    {
        if (dialogue.Count == 0) throw new SparseRMException("the dialogue has no messages; give at least one, the answer being the last");
        if (template is null)
            throw new SparseRMException($"the model has no chat template; name one as the option chat template ({string.Join(", ", ChatTemplate.Names)} or a file)");
        var encoded = Tokenizer.Encode(template.Render(dialogue, arguments: arguments, cancellationToken: cancel));
        return Checked(encoded.Ids, encoded.AnswerStart, encoded.AnswerEnd);
    }

    /// <summary>A text that was rendered already: marks in it are tokens, and which tokens are the answer is not known.</summary>
    /// <param name="rendered">The text.</param>
    /// <param name="addEos">Whether the tokenizer's EOS is put last; see <see cref="ModelTokenizer.Note"/>.</param>
    /// <exception cref="SparseRMException">No tokenizer; the text is empty, of which a BOS alone would be scored; the input is too long.</exception>
    public EncodedInput EncodeText(string rendered, bool addEos = false)
    {
        if (rendered.Length == 0) throw new SparseRMException("the rendered text is empty; a template writes its marks around an empty answer, too");
        int[] ids = Tokenizer.Encode(rendered, addEos: addEos);
        return Checked(ids, ids.Length, ids.Length);
    }

    /// <summary>Ids, copied and used as they are; which of them are the answer is not known.</summary>
    public EncodedInput EncodeIds(ReadOnlyMemory<int> ids) => Checked(ids.ToArray(), ids.Length, ids.Length);

    /// <summary>Ids, copied and used as they are, with the answer's place among them.</summary>
    /// <param name="ids">Token ids.</param>
    /// <param name="answerStart">Index of the answer's first token.</param>
    /// <param name="answerEnd">One past the index of its last token.</param>
    /// <exception cref="SparseRMException">The place lies outside the ids.</exception>
    public EncodedInput EncodeIds(ReadOnlyMemory<int> ids, int answerStart, int answerEnd)
    {
        if (answerStart < 0 || answerStart >= answerEnd || answerEnd > ids.Length)
            throw new SparseRMException($"the answer is said to be tokens {answerStart} to {answerEnd} (one past the last) of {ids.Length}; give 0 <= start < end <= {ids.Length}");
        return Checked(ids.ToArray(), answerStart, answerEnd);
    }

    private ModelTokenizer Tokenizer => tokenizer ?? throw new SparseRMException("the model folder has no tokenizer (tokenizer.json or tokenizer.model); give ids instead");

    private EncodedInput Checked(ReadOnlyMemory<int> ids, int answerStart, int answerEnd)
    {
        if (ids.Length == 0) throw new SparseRMException("the input has no tokens");
        foreach (int id in ids.Span)
            if ((uint)id >= (uint)dVocab) throw new SparseRMException($"token id {id} is outside the model's vocabulary of {dVocab}");
        return Truncated(ids, answerStart, answerEnd);
    }

    private EncodedInput Truncated(ReadOnlyMemory<int> ids, int start, int end)
    {
        int excess = ids.Length - nCtx;
        if (excess <= 0) return new(ids, start, end);
        if (truncation is Truncation.Left or Truncation.Right) Interlocked.Increment(ref _cut);
        switch (truncation)
        {
            case Truncation.Right:
                return new(ids[..nCtx], Math.Min(start, nCtx), Math.Min(end, nCtx), excess);
            case Truncation.Left:
                int kept = tokenizer?.BosId is { } bos && ids.Span[0] == bos ? 1 : 0;
                return new((int[])[.. ids.Span[..kept], .. ids.Span[(kept + excess)..]], Math.Max(kept, start - excess), Math.Max(kept, end - excess), excess);
            default:
                throw new SparseRMException($"the input has {ids.Length} tokens, the model's context is {nCtx}{(isDynamic ? ", beyond which dynamic rope makes a state depend on other texts" : "")}; shorten it, or allow truncation left or right");
        }
    }
}
