using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Models;

/// <summary>Takes a model's tensors by their Hugging Face names, with the shapes that its config promises.</summary>
internal sealed class ModelTensors(IWeightSource index, ModelConfig config)
{
    // Plain folders, Gemma-3 multimodal folders of transformers 4, and of transformers 5.
    private static readonly string[] s_prefixes = ["model.", "language_model.model.", "model.language_model."];

    private readonly string _prefix = s_prefixes.FirstOrDefault(prefix => index.Contains($"{prefix}embed_tokens.weight"))
        ?? throw new ModelFormatException(index.Path, "has no tensor \"model.embed_tokens.weight\"; it is not a language model of a supported family");

    public WeightSlice Embedding() => index.Take($"{_prefix}embed_tokens.weight", config.DVocab, config.DModel);

    public WeightSlice Take(int layer, string name, params ReadOnlySpan<long> shape) => index.Take($"{_prefix}layers.{layer}.{name}", shape);

    /// <summary>Refuses tensors of a block that nobody took: they would be a part of the model that the forward pass leaves out.</summary>
    public void RequireBlockTaken(int layer)
    {
        string block = $"{_prefix}layers.{layer}.";
        // Old Llama folders store the rotary frequencies, which follow from the config.
        var left = index.Untaken.Where(name => name.StartsWith(block, StringComparison.Ordinal) && !name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).ToArray();
        if (left.Length > 0)
            throw new ModelFormatException(index.Path, $"has tensors that model_type {config.Family} does not use: {string.Join(", ", left.Take(8))}");
    }
}
