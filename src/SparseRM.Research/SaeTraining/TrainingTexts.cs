using SparseRM.Data;
using SparseRM.Data.Containers;
using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Research.SaeTraining;

/// <summary>Texts of some files as pieces that the model can run, read again each time they are gone through.</summary>
/// <param name="paths">Files.</param>
/// <param name="backbone">Encodes.</param>
/// <param name="contextTokens">Longest piece.</param>
internal sealed class TrainingTexts(IReadOnlyList<string> paths, Backbone backbone, int contextTokens)
{
    /// <summary>Without a file of its own, every so many-th text is held out.</summary>
    public const int HeldOutEvery = 20;

    private readonly int _context = Math.Min(contextTokens, backbone.Config.NCtx);

    /// <summary>SHA-256 of each file.</summary>
    public IEnumerable<string> Hashes()
    {
        foreach (string path in paths)
        {
            using var source = DataSource.Open(path);
            yield return source.Hash;
        }
    }

    /// <summary>Pieces in the order of the files.</summary>
    /// <param name="part">Which texts.</param>
    /// <exception cref="DataFormatException">On enumeration: a file or a row cannot be read or encoded.</exception>
    public IEnumerable<TokenSequence> Pieces(TextPart part)
    {
        long number = 0;
        foreach (string path in paths)
        {
            using var source = DataSource.Open(path);
            foreach (var text in TextRows.Of(source))
            {
                bool isHeldOut = number++ % HeldOutEvery == HeldOutEvery - 1;
                if (part != TextPart.All && isHeldOut != (part == TextPart.HeldOut)) continue;
                foreach (var piece in Cut(Encode(source.Path, text))) yield return piece;
            }
        }
    }

    /// <summary>Whether a token's state is trained on: not that of a BOS, an EOS or a template's mark.</summary>
    public bool Counts(int id) => backbone.Tokenizer is not { } tokenizer || !tokenizer.IsSpecial(id);

    private int[] Encode(string path, ScoreInput text)
    {
        try
        {
            return text switch
            {
                IdsInput ids => backbone.Encoder.EncodeIds((int[])[.. ids.Ids]).Ids.ToArray(),
                // Not by the encoder, which refuses what is longer than the context: here it is cut.
                TextInput plain => (backbone.Tokenizer ?? throw new SparseRMException("the model folder has no tokenizer (tokenizer.json or tokenizer.model); give ids instead")).Encode(plain.Text),
                DialogueInput dialogue => backbone.Encoder.Encode(dialogue.Messages, dialogue.Arguments).Ids.ToArray(),
                _ => throw new InvalidOperationException($"{text.GetType()} is not text"),
            };
        }
        catch (SparseRMException error) when (error is not DataFormatException)
        {
            throw new DataFormatException(path, text.Line, error.Message);
        }
    }

    private IEnumerable<TokenSequence> Cut(int[] ids)
    {
        int? bos = backbone.Tokenizer is { UsesBos: true } tokenizer ? tokenizer.BosId : null;
        int head = bos is not null && ids.Length > 0 && ids[0] == bos ? 1 : 0;
        for (int start = head; start < ids.Length; start += _context - head)
        {
            int[] piece = [.. ids.AsSpan(0, head), .. ids.AsSpan(start, Math.Min(_context - head, ids.Length - start))];
            int first = Array.FindIndex(piece, Counts), last = Array.FindLastIndex(piece, Counts);
            if (first >= 0) yield return new TokenSequence(piece, ReadOut.Each(first, last + 1));
        }
    }
}

/// <summary>Which texts.</summary>
internal enum TextPart
{
    /// <summary>All.</summary>
    All,
    /// <summary>Those that are not held out.</summary>
    Training,
    /// <summary>Those that are held out.</summary>
    HeldOut,
}
