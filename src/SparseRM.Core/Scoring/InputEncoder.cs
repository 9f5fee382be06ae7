using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Text;

namespace SparseRM.Scoring;

/// <summary>Turns dialogues, rendered texts or ids into sequences with a read-out position. Thread-safe.</summary>
/// <param name="tokenizer">The model's tokenizer; null where only ids are given.</param>
/// <param name="template">The chat template; null where only rendered texts or ids are given.</param>
/// <param name="position">Where the residual stream is read.</param>
/// <param name="truncation">What happens to inputs longer than <paramref name="nCtx"/>.</param>
/// <param name="nCtx">The model's context, in tokens.</param>
/// <param name="dVocab">Rows of the model's embedding.</param>
public sealed class InputEncoder(
    ModelTokenizer? tokenizer, ChatTemplate? template, ReadOutPosition position, Truncation truncation, int nCtx, int dVocab)
{
    /// <summary>A dialogue whose last message is the answer.</summary>
    /// <exception cref="SparseRMException">No template or tokenizer; the template refuses the dialogue; the input is too long or has no answer to read.</exception>
    public TokenSequence Encode(IReadOnlyList<Message> dialogue) => Encode(dialogue, null);

    /// <summary>A dialogue whose last message is the answer.</summary>
    /// <param name="dialogue">The messages, oldest first.</param>
    /// <param name="arguments">What the template is given beside them; null for nothing.</param>
    /// <exception cref="SparseRMException">No template or tokenizer; the template refuses the dialogue; the input is too long or has no answer to read.</exception>
    public TokenSequence Encode(IReadOnlyList<Message> dialogue, JsonFields? arguments)
    {
        if (template is null)
            throw new SparseRMException("the model has no chat template; name one with --chat-template (gemma, gemma3, llama3, llama3_1, qwen2_5, qwen3, chatml, none or a file)");
        var encoded = Tokenizer.Encode(template.Render(dialogue, arguments: arguments));
        return Placed(encoded.Ids, encoded.AnswerStart, encoded.AnswerEnd);
    }

    /// <summary>A text that was rendered already: marks in it are tokens. Read at its last token.</summary>
    /// <param name="rendered">The text.</param>
    /// <param name="addEos">Whether the tokenizer's EOS is put last, and read; see <see cref="ModelTokenizer.Note"/>.</param>
    public TokenSequence EncodeText(string rendered, bool addEos = false) => EncodeIds(Tokenizer.Encode(rendered, addEos: addEos));

    /// <summary>Ids, used as they are. Read at the last one.</summary>
    public TokenSequence EncodeIds(int[] ids)
    {
        if (position != ReadOutPosition.Last)
            throw new SparseRMException($"position {position.ToString().ToLowerInvariant()} needs to know which tokens are the answer; give messages or a prompt with a response, not text or ids");
        return Placed(ids, ids.Length, ids.Length);
    }

    private ModelTokenizer Tokenizer => tokenizer ?? throw new SparseRMException("the model folder has no tokenizer (tokenizer.json or tokenizer.model); give ids instead");

    private TokenSequence Placed(int[] ids, int answerStart, int answerEnd)
    {
        if (ids.Length == 0) throw new SparseRMException("the input has no tokens");
        foreach (int id in ids)
            if ((uint)id >= (uint)dVocab) throw new SparseRMException($"token id {id} is outside the model's vocabulary of {dVocab}");
        (ids, answerStart, answerEnd) = Truncated(ids, answerStart, answerEnd);
        if (position == ReadOutPosition.Last) return new(ids, ids.Length - 1, ids.Length);
        if (answerStart >= answerEnd) throw new SparseRMException("the answer has no tokens to read; use --position last, or leave empty answers out");
        return new(ids, position == ReadOutPosition.Content ? answerEnd - 1 : answerStart, answerEnd);
    }

    private (int[] Ids, int Start, int End) Truncated(int[] ids, int start, int end)
    {
        int excess = ids.Length - nCtx;
        if (excess <= 0) return (ids, start, end);
        switch (truncation)
        {
            case Truncation.Right:
                return (ids[..nCtx], Math.Min(start, nCtx), Math.Min(end, nCtx));
            case Truncation.Left:
                int kept = tokenizer?.BosId is { } bos && ids[0] == bos ? 1 : 0;
                return ([.. ids[..kept], .. ids[(kept + excess)..]], Math.Max(kept, start - excess), Math.Max(kept, end - excess));
            default:
                throw new SparseRMException($"the input has {ids.Length} tokens, the model's context is {nCtx}; shorten it, or allow --truncate left or right");
        }
    }
}
