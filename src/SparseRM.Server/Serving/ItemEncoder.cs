using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Server.Faults;
using SparseRM.Text;

namespace SparseRM.Server.Serving;

/// <summary>An input as ids, and what was done to it.</summary>
internal readonly record struct EncodedItem(EncodedInput Input, BosAction Bos);

/// <summary>Makes ids of what wires read: exactly one BOS whatever the client sent, and nothing cut that was not to be cut. Thread-safe.</summary>
internal sealed class ItemEncoder(Backbone backbone)
{
    private readonly InputEncoder _encoder = new(backbone.Tokenizer, backbone.Template, Truncation.Refuse, int.MaxValue, backbone.Config.DVocab);

    /// <summary>Tokens that the model takes.</summary>
    public int Context => backbone.Config.NCtx;

    /// <summary>The ids of an item.</summary>
    /// <exception cref="Fault">It is not text, or too long.</exception>
    /// <exception cref="Errors.SparseRMException">Template or tokenizer refuse it.</exception>
    public EncodedItem Encode(ScoreItem item, ScoreWork work)
    {
        if (work.Truncation != Truncation.Refuse && work.MaxTokens > Context)
            throw new Fault(FaultKind.Field, $"truncation to {work.MaxTokens} tokens is asked for, and the model takes {Context}; ask for no more, or leave the number out") { IsPlain = true };
        var bos = BosAction.Kept;
        var encoded = Encode(item, _encoder, ref bos);
        int limit = Math.Min(work.MaxTokens ?? Context, Context), count = encoded.Ids.Length;
        if (count <= limit) return new EncodedItem(encoded, bos);
        if (work.Truncation == Truncation.Refuse)
            throw new Fault(FaultKind.TooLong, $"{(item as DialogueItem)?.Whole ?? item.Field} has {count} tokens, {(limit < Context ? $"max_tokens allows {limit}" : $"the model takes {Context}")}; shorten it, or ask for truncation", item.Field);
        return new EncodedItem(Encode(item, new InputEncoder(backbone.Tokenizer, backbone.Template, work.Truncation, limit, backbone.Config.DVocab), ref bos), bos);
    }

    private EncodedInput Encode(ScoreItem item, InputEncoder encoder, ref BosAction bos)
    {
        switch (item)
        {
            case TextItem { Text.Length: 0 }:
                // A template writes its marks around an empty answer, too; this is a text that was lost.
                throw new Fault(FaultKind.Empty, $"{item.Field} is empty, expected a text that a template rendered", item.Field) { IsPlain = true };
            case TextItem text:
                bos = BosOf(text.Text);
                return encoder.EncodeText(text.Text);
            case IdsItem ids:
                return EncodeIds(ids, encoder, ref bos);
            case DialogueItem dialogue:
                bos = backbone.Tokenizer is { UsesBos: true } ? BosAction.Kept : BosAction.None;
                return encoder.Encode(dialogue.Messages, dialogue.Arguments);
            default:
                throw ((BadItem)item).Fault;
        }
    }

    private EncodedInput EncodeIds(IdsItem item, InputEncoder encoder, ref BosAction bos)
    {
        var ids = item.Ids;
        if (item.Answer is var (first, end) && (first < 0 || first >= end || end > ids.Length))
            throw new Fault(FaultKind.Field, $"the answer of {item.Field} is said to be tokens {first} to {end} (one past the last) of {ids.Length}; give 0 <= start < end <= {ids.Length}", item.Field.EndsWith("ids", StringComparison.Ordinal) ? item.Field[..^3] + "answer" : item.Field) { IsPlain = true };
        if (backbone.Tokenizer is { UsesBos: true, BosId: { } mark } && ids.Length > 0)
        {
            int leading = 0;
            while (leading < ids.Length && ids[leading] == mark) leading++;
            int dropped = leading - 1; // -1: one is added
            if (dropped != 0)
            {
                bos = dropped < 0 ? BosAction.Added : BosAction.Merged;
                ids = dropped < 0 ? [mark, .. ids] : ids[dropped..];
                if (item.Answer is { } at) item = item with { Answer = (Math.Max(at.Start - dropped, 0), at.End - dropped) };
            }
        }
        else
        {
            bos = BosAction.None;
        }
        return item.Answer is { } answer ? encoder.EncodeIds(ids, answer.Start, answer.End) : encoder.EncodeIds(ids);
    }

    private BosAction BosOf(string text)
    {
        if (backbone.Tokenizer is not { UsesBos: true, BosToken: { Length: > 0 } mark }) return BosAction.None;
        if (!text.StartsWith(mark, StringComparison.Ordinal)) return BosAction.Added;
        return text.AsSpan(mark.Length).StartsWith(mark, StringComparison.Ordinal) ? BosAction.Merged : BosAction.Kept;
    }
}
