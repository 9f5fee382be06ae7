using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Models;

/// <summary>Takes a model's tensors by their Hugging Face names, with the shapes that its config promises; those of fp8 come widened.</summary>
internal sealed class ModelTensors(IWeightSource index, ModelConfig config)
{
    private readonly TensorNames _names = new(index.Path, index.Names);

    public WeightSlice Embedding() => index.Take(_names.Actual("embed_tokens.weight"), config.DVocab, config.DModel);

    public WeightSlice Take(int layer, string name, params ReadOnlySpan<long> shape)
    {
        string plain = $"layers.{layer}.{name}", actual = _names.Actual(plain);
        if (index.Contains(actual) && index.Take(actual) is { DType: DType.F8E4M3 } fp8) return Widened(fp8, plain, shape);
        return index.Take(actual, shape);
    }

    /// <summary>Refuses tensors of a block that nobody took: they would be a part of the model that the forward pass leaves out.</summary>
    public void RequireBlockTaken(int layer)
    {
        string block = $"layers.{layer}.";
        // Old Llama folders store the rotary frequencies, which follow from the config.
        var left = index.Untaken.Where(name => _names.Plain(name) is { } plain && plain.StartsWith(block, StringComparison.Ordinal)
            && !plain.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToArray();
        if (left.Length > 0)
            throw new ModelFormatException(index.Path, $"has tensors that model_type {config.Family} does not use: {string.Join(", ", left.Take(8))}");
    }

    private WeightSlice Widened(WeightSlice fp8, string plain, ReadOnlySpan<long> shape)
    {
        if (!fp8.Shape.SequenceEqual(shape.ToArray()))
            throw new ModelFormatException(fp8.Path, $"tensor \"{fp8.Name}\" has shape [{string.Join(", ", fp8.Shape)}], expected [{string.Join(", ", shape.ToArray())}]");
        if (config.Fp8Block is not { } block)
            throw new ModelFormatException(fp8.Path, $"tensor \"{fp8.Name}\" is fp8, but config.json has no quantization_config with weight_block_size that says how it is scaled");
        string scales = plain + "_scale_inv";
        if (!_names.Contains(scales))
            throw new ModelFormatException(fp8.Path, $"tensor \"{fp8.Name}\" is fp8, but its scales \"{fp8.Name}_scale_inv\" are missing; download the weights again");
        return Fp8Weights.Widen(fp8, index.Take(_names.Actual(scales)), block.Rows, block.Columns);
    }
}
