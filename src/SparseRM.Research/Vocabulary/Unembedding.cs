using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Models.Architectures;
using SparseRM.Json;
using SparseRM.Research.Baselines;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Research.Vocabulary;

/// <summary>A token and how much a direction raises its logit.</summary>
/// <param name="Token">Its id.</param>
/// <param name="Logit">Logit for one unit of the direction, less the mean over the vocabulary, before the final norm's scale.</param>
public readonly record struct PromotedToken(int Token, double Logit);

/// <summary>The head matrix W_U of a language model with the weight of the final norm folded in, as TransformerLens has it (<c>fold_ln</c>, <c>center_unembed</c>).</summary>
/// <remarks>
/// Its rows are <c>lm_head.weight</c>, or the embedding where config.json ties them. A direction d raises the logit of token t by W_U[t] · (w * d) with w the norm's weight
/// (1 + weight for Gemma), less the mean over t. The norm's scale, which depends on the state, and a soft-cap are left out: both keep the order of tokens.
/// </remarks>
internal sealed class Unembedding
{
    private const int BlockRows = 512;
    private readonly double[] _norm;

    private Unembedding(WeightSlice rows, WeightSlice norm, bool isTied, bool isUnitOffset)
    {
        (Rows, Norm, IsTied) = (rows, norm, isTied);
        _norm = [.. norm.ReadSingles().Select(weight => (isUnitOffset ? 1.0 : 0.0) + weight)];
    }

    /// <summary>The matrix as its file has it, [d_vocab, d_model].</summary>
    public WeightSlice Rows { get; }

    /// <summary>The final norm's weight as its file has it, [d_model].</summary>
    public WeightSlice Norm { get; }

    /// <summary>Whether its rows are the embedding's.</summary>
    public bool IsTied { get; }

    /// <summary>Opens it where the folder has it.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="missing">Why there is none, as the end of a sentence.</param>
    public static Unembedding? Open(string folder, out string missing)
    {
        missing = "";
        var config = ArchitectureCatalog.Read(folder);
        var index = WeightIndex.Open(folder);
        string embedding = new TensorNames(folder, index.Names).Actual("embed_tokens.weight");
        string[] heads = [.. index.Names.Where(name => name == "lm_head.weight" || name.EndsWith(".lm_head.weight", StringComparison.Ordinal))];
        if (IsTiedBy(folder, config.Family) is not { } isTied)
        {
            missing = $"config.json of {folder} says of its text model's head and of the whole model's that one is tied to the embedding and the other not";
            return null;
        }
        if (index.Names.FirstOrDefault(name => name == "lm_head.bias" || name.EndsWith(".lm_head.bias", StringComparison.Ordinal)) is { } bias)
        {
            missing = $"{folder} has {bias}, and a head with a bias is not supported";
            return null;
        }
        if (!isTied && heads.Length != 1)
        {
            missing = $"{folder} has no lm_head.weight, and its config.json does not tie it to the embedding";
            return null;
        }
        string norm = embedding[..^"embed_tokens.weight".Length] + "norm.weight";
        try
        {
            var rows = index.Take(isTied ? embedding : heads[0], config.DVocab, config.DModel);
            if (rows.DType is DType.F32 or DType.BF16 or DType.F16)
                return new Unembedding(rows, index.Take(norm, config.DModel), isTied, config.RmsNormUnitOffset);
            missing = $"the head matrix of {folder} is stored as {rows.DType}";
        }
        catch (ModelFormatException error)
        {
            // Scoring needs neither the head nor the shard that it lies in.
            missing = error.Message;
        }
        return null;
    }

    /// <summary>The tokens whose logits each direction raises most, in one pass over the matrix; sums in float64, the same on any number of threads.</summary>
    /// <param name="directions">[n, d_model].</param>
    /// <param name="count">Tokens of each.</param>
    /// <param name="cancel">Checked between blocks of rows.</param>
    public PromotedToken[][] Promoted(ReadOnlyMemory<float> directions, int count, CancellationToken cancel)
    {
        int width = _norm.Length, n = directions.Length / width, filled = 0, first = 0;
        double[] folded = new double[directions.Length], block = new double[BlockRows * width], sums = new double[n];
        for (int i = 0; i < folded.Length; i++) folded[i] = directions.Span[i] * _norm[i % width];
        var top = new PriorityQueue<PromotedToken, (double, int)>[n];
        for (int i = 0; i < n; i++) top[i] = new();
        Rows.ReadRows(width, (row, values) =>
        {
            for (int i = 0; i < width; i++) block[(filled * width) + i] = values[i];
            if (++filled == BlockRows) Flush();
        });
        Flush();
        long vocabulary = Rows.ElementCount / width;
        return [.. top.Select((queue, i) => queue.UnorderedItems.Select(item => item.Element).OrderByDescending(token => token.Logit).ThenBy(token => token.Token)
            .Select(token => token with { Logit = token.Logit - (sums[i] / vocabulary) }).ToArray())];

        void Flush()
        {
            cancel.ThrowIfCancellationRequested();
            Parallel.For(0, n, i =>
            {
                for (int row = 0; row < filled; row++)
                {
                    double logit = Vectors.Dot(block.AsSpan(row * width, width), folded.AsSpan(i * width, width));
                    sums[i] += logit;
                    // Of equal logits the lower id stays.
                    if (top[i].Count < count) top[i].Enqueue(new PromotedToken(first + row, logit), (logit, -(first + row)));
                    else top[i].EnqueueDequeue(new PromotedToken(first + row, logit), (logit, -(first + row)));
                }
            });
            (first, filled) = (first + filled, 0);
        }
    }

    /// <summary>Whether config.json ties the head to the embedding; null where it contradicts itself. Transformers' defaults where it does not say: Gemma ties, the others do not.</summary>
    private static bool? IsTiedBy(string folder, string family)
    {
        bool? Said(JsonElement section)
        {
            if (!section.TryGetProperty("tie_word_embeddings", out var tied) || tied.ValueKind == JsonValueKind.Null) return null;
            if (tied.ValueKind is JsonValueKind.True or JsonValueKind.False) return tied.GetBoolean();
            throw new ModelFormatException(Path.Combine(folder, "config.json"), $"tie_word_embeddings is {StrictJson.Shown(tied)}, expected true or false");
        }
        var root = StrictJson.OpenObject(Path.Combine(folder, "config.json"));
        // The multimodal folder of Gemma-3 has its text model's within.
        bool? inner = root.TryGetProperty("text_config", out var text) && text.ValueKind == JsonValueKind.Object ? Said(text) : null, outer = Said(root);
        if (inner is not null && outer is not null && inner != outer) return null;
        return inner ?? outer ?? family.StartsWith("gemma", StringComparison.Ordinal);
    }
}
