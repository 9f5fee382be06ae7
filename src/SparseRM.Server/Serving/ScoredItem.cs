using SparseRM.Server.Faults;
using SparseRM.Text;

namespace SparseRM.Server.Serving;

/// <summary>The answer to one input: a score, or why there is none. There is no default score.</summary>
internal sealed class ScoredItem
{
    private readonly ScoreResult? _result;

    private ScoredItem(ScoreItem item, ScoreResult? result, Fault? fault) => (Item, _result, Fault) = (item, result, fault);

    /// <summary>A score.</summary>
    public static ScoredItem Of(ScoreItem item, EncodedItem encoded, ScoreResult result, ModelTokenizer? tokenizer) =>
        result.Error is { } error
            ? Failed(item, Fault.Of(error, item.Field)) : new(item, result, null) { Encoded = encoded, Tokenizer = tokenizer };

    /// <summary>No score.</summary>
    public static ScoredItem Failed(ScoreItem item, Fault fault) => new(item, null, fault);

    /// <summary>What was scored.</summary>
    public ScoreItem Item { get; }

    /// <summary>Why there is no score, or null.</summary>
    public Fault? Fault { get; }

    /// <summary>Everything that the library says of the input.</summary>
    /// <exception cref="Faults.Fault">There is no score.</exception>
    public ScoreResult Result => _result ?? throw Fault!;

    /// <summary>The score.</summary>
    /// <exception cref="Faults.Fault">There is none.</exception>
    public float Score => Result.Score;

    /// <summary>Its ids.</summary>
    public EncodedItem Encoded { get; private init; }

    /// <summary>Tokens that were scored; 0 where there is no score.</summary>
    public int Tokens => _result is null ? 0 : Encoded.Input.Ids.Length;

    /// <summary>The text of one of its tokens.</summary>
    public string TokenText(int index) => Tokenizer?.TokenText(Encoded.Input.Ids.Span[index]) ?? $"{Encoded.Input.Ids.Span[index]}";

    private ModelTokenizer? Tokenizer { get; init; }
}
