using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Models;

/// <summary>One block's weights on a backend. Optional parts are null.</summary>
internal sealed class BlockWeights : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    public Tensor AttnNorm { get; }
    public Tensor MlpNorm { get; }
    public Tensor? AttnPostNorm { get; }
    public Tensor? MlpPostNorm { get; }
    public Tensor? QNorm { get; }
    public Tensor? KNorm { get; }
    /// <summary>[n_heads * d_head, d_model]</summary>
    public Matrix Q { get; }
    /// <summary>Keys above values: [2 * n_kv_heads * d_head, d_model]</summary>
    public Matrix KV { get; }
    /// <summary>[d_model, n_heads * d_head]</summary>
    public Matrix O { get; }
    /// <summary>[d_mlp, d_model]</summary>
    public Matrix Gate { get; }
    /// <summary>[d_mlp, d_model]</summary>
    public Matrix Up { get; }
    /// <summary>[d_model, d_mlp]</summary>
    public Matrix Down { get; }
    public Tensor? QBias { get; }
    /// <summary>The keys' bias before the values': [1, 2 * n_kv_heads * d_head]</summary>
    public Tensor? KVBias { get; }
    public Tensor? OBias { get; }

    public long ResidentBytes => _owned.OfType<Matrix>().Sum(matrix => matrix.ResidentBytes);

    public BlockWeights(Backend backend, ModelTensors tensors, ModelConfig config, int layer, DType compute)
    {
        int dModel = config.DModel, dMlp = config.DMlp, qWidth = config.NHeads * config.DHead, kvWidth = config.NKvHeads * config.DHead;
        try
        {
            AttnNorm = Vector("input_layernorm.weight", dModel);
            // The same HF name is the pre-MLP norm in Llama and a norm on the attention branch in Gemma-2.
            if (config.PostNorms)
            {
                AttnPostNorm = Vector("post_attention_layernorm.weight", dModel);
                MlpNorm = Vector("pre_feedforward_layernorm.weight", dModel);
                MlpPostNorm = Vector("post_feedforward_layernorm.weight", dModel);
            }
            else
            {
                MlpNorm = Vector("post_attention_layernorm.weight", dModel);
            }
            if (config.QkNorm) (QNorm, KNorm) = (Vector("self_attn.q_norm.weight", config.DHead), Vector("self_attn.k_norm.weight", config.DHead));
            Q = Stack(dModel, ("self_attn.q_proj.weight", qWidth));
            KV = Stack(dModel, ("self_attn.k_proj.weight", kvWidth), ("self_attn.v_proj.weight", kvWidth));
            O = Stack(qWidth, ("self_attn.o_proj.weight", dModel));
            Gate = Stack(dModel, ("mlp.gate_proj.weight", dMlp));
            Up = Stack(dModel, ("mlp.up_proj.weight", dMlp));
            Down = Stack(dMlp, ("mlp.down_proj.weight", dModel));
            if (config.QkvBias)
            {
                QBias = Vector("self_attn.q_proj.bias", qWidth);
                KVBias = Joined(Vector("self_attn.k_proj.bias", kvWidth), Vector("self_attn.v_proj.bias", kvWidth));
            }
            if (config.OutputBias) OBias = Vector("self_attn.o_proj.bias", dModel);
            tensors.RequireBlockTaken(layer);
        }
        catch
        {
            Dispose();
            throw;
        }

        Tensor Vector(string name, int length)
        {
            var tensor = backend.LoadVector(tensors.Take(layer, name, length));
            _owned.Add(tensor.Buffer);
            return tensor;
        }

        Tensor Joined(Tensor first, Tensor second)
        {
            int width = first.Columns + second.Columns;
            var joined = new Tensor(backend.Allocate(width), 0, 1, width, width);
            _owned.Add(joined.Buffer);
            backend.GatherRows(first, [0], joined.ColumnRange(0, first.Columns));
            backend.GatherRows(second, [0], joined.ColumnRange(first.Columns, second.Columns));
            return joined;
        }

        Matrix Stack(int inputs, params ReadOnlySpan<(string Name, int Outputs)> parts)
        {
            var slices = new MatrixPart[parts.Length];
            for (int i = 0; i < parts.Length; i++) slices[i] = new(tensors.Take(layer, parts[i].Name, parts[i].Outputs, inputs));
            var matrix = backend.LoadMatrix(slices, compute);
            _owned.Add(matrix);
            return matrix;
        }
    }

    public void Dispose()
    {
        foreach (var owned in _owned) owned.Dispose();
        _owned.Clear();
    }
}
