using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Models;

/// <summary>The forward pass through blocks 0..L, for every family and every backend. Not thread-safe.</summary>
/// <remarks>
/// The result is the residual stream after block L: TransformerLens <c>blocks.L.hook_resid_post</c>, HF <c>hidden_states[L + 1]</c>.
/// In block L only the read-out rows go past the keys and values; nothing after it is computed.
/// </remarks>
public sealed class TransformerForward(TransformerModel model) : IDisposable
{
    private readonly Backend _backend = model.Backend;
    private readonly ModelConfig _config = model.Config;
    private readonly Workspace _workspace = new(model.Backend);
    private readonly RopeTable[] _ropes = [.. model.Config.Ropes.Select(rope => new RopeTable(model.Backend, rope, model.Config.DHead))];

    /// <summary>Sees an activation by its hook name (<c>hook_embed</c>, <c>blocks.3.hook_attn_out</c>); the tensor is valid during the call.</summary>
    /// <remarks>
    /// Hooks: <c>hook_embed</c>, <c>blocks.{l}.hook_attn_out</c>, <c>blocks.{l}.hook_mlp_out</c> (the branches as they are added, after any
    /// post-norm), <c>blocks.{l}.hook_resid_post</c>. Rows are the batch's rows; in the last block the read-out rows.
    /// </remarks>
    public delegate void Hook(string name, Tensor activation);

    /// <summary>Runs the batch and gives the states of its read-out rows, [reads, d_model]; valid until the next run.</summary>
    /// <param name="batch">Packed sequences.</param>
    /// <param name="layer">Last block to run, at most the model's last loaded.</param>
    /// <param name="hook">Observer, or null.</param>
    /// <exception cref="SparseRMException">A sequence is longer than the model's context.</exception>
    public Tensor RunToLayer(TokenBatch batch, int layer, Hook? hook = null)
    {
        if (layer < 0 || layer > model.LastLayer) throw new ArgumentOutOfRangeException(nameof(layer), layer, $"blocks 0..{model.LastLayer} are loaded");
        if (batch.MaxLength > _config.NCtx)
            throw new SparseRMException($"a sequence has {batch.MaxLength} tokens, the model's context is {_config.NCtx}; shorten or truncate it");

        int n = batch.TokenCount;
        var residual = _workspace.Get("residual", n, _config.DModel);
        var normed = _workspace.Get("normed", n, _config.DModel);
        var branch = _workspace.Get("branch", n, _config.DModel);
        _backend.Embed(model.Embedding, batch.Ids, _config.EmbeddingScale(model.Compute), residual);
        hook?.Invoke("hook_embed", residual);
        _backend.RmsNorm(residual, model.Block(0).AttnNorm, _config.RmsNormEps, UnitOffset, normed);

        for (int l = 0; l < layer; l++)
        {
            RunBlock(l, new Rows(normed, residual, normed, branch, batch.Positions, batch.Segments), batch, hook);
            // The MLP's branch is added together with the next block's norm, one pass over the residual stream.
            _backend.AddRmsNorm(residual, branch, model.Block(l + 1).AttnNorm, _config.RmsNormEps, UnitOffset, normed);
            hook?.Invoke($"blocks.{l}.hook_resid_post", residual);
        }

        int reads = batch.ReadRows.Length;
        var readResidual = _workspace.Get("read_residual", reads, _config.DModel);
        var readNormed = _workspace.Get("read_normed", reads, _config.DModel);
        _backend.GatherRows(residual, batch.ReadRows, readResidual);
        _backend.GatherRows(normed, batch.ReadRows, readNormed);
        var readBranch = _workspace.Get("branch", reads, _config.DModel);
        RunBlock(layer, new Rows(normed, readResidual, readNormed, readBranch, batch.ReadPositions, batch.ReadSegments), batch, hook);
        _backend.Add(readResidual, readBranch, readResidual);
        hook?.Invoke($"blocks.{layer}.hook_resid_post", readResidual);
        return readResidual;
    }

    /// <summary>Frees the activations; the model lives on.</summary>
    public void Dispose()
    {
        _workspace.Dispose();
        foreach (var rope in _ropes) rope.Dispose();
    }

    private float UnitOffset => _config.RmsNormUnitOffset ? 1 : 0;

    /// <summary>The rows that a block works on: all rows give keys and values, the asking rows (all, or the read-outs) go on.</summary>
    private readonly ref struct Rows(
        Tensor keyInput, Tensor residual, Tensor normed, Tensor branch, ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments)
    {
        public readonly Tensor KeyInput = keyInput, Residual = residual, Normed = normed, Branch = branch;
        public readonly ReadOnlySpan<int> Positions = positions;
        public readonly ReadOnlySpan<AttentionSegment> Segments = segments;
    }

    /// <summary>Adds the attention's branch to the residual stream and leaves the MLP's branch, not yet added, in rows.Branch.</summary>
    private void RunBlock(int l, Rows rows, TokenBatch batch, Hook? hook)
    {
        var block = model.Block(l);
        RunAttention(l, block, rows, batch);
        if (block.AttnPostNorm is { } attnPost) _backend.RmsNorm(rows.Branch, attnPost, _config.RmsNormEps, UnitOffset, rows.Branch);
        hook?.Invoke($"blocks.{l}.hook_attn_out", rows.Branch);

        _backend.AddRmsNorm(rows.Residual, rows.Branch, block.MlpNorm, _config.RmsNormEps, UnitOffset, rows.Normed);
        var gateUp = _workspace.Get("gate_up", rows.Normed.Rows, 2 * _config.DMlp);
        var activated = _workspace.Get("activated", rows.Normed.Rows, _config.DMlp);
        _backend.MatMul(rows.Normed, block.GateUp, null, gateUp);
        _backend.GatedActivation(gateUp, _config.Activation, activated);
        _backend.MatMul(activated, block.Down, null, rows.Branch);
        if (block.MlpPostNorm is { } mlpPost) _backend.RmsNorm(rows.Branch, mlpPost, _config.RmsNormEps, UnitOffset, rows.Branch);
        hook?.Invoke($"blocks.{l}.hook_mlp_out", rows.Branch);
    }

    private void RunAttention(int l, BlockWeights block, Rows rows, TokenBatch batch)
    {
        int kvWidth = _config.NKvHeads * _config.DHead, queries = rows.Normed.Rows;
        var q = _workspace.Get("q", queries, _config.NHeads * _config.DHead);
        var mixed = _workspace.Get("mixed", queries, _config.NHeads * _config.DHead);
        var kv = _workspace.Get("kv", batch.TokenCount, 2 * kvWidth);
        var (k, v) = (kv.ColumnRange(0, kvWidth), kv.ColumnRange(kvWidth, kvWidth));

        _backend.MatMul(rows.KeyInput, block.KV, block.KVBias, kv);
        _backend.MatMul(rows.Normed, block.Q, block.QBias, q);
        if (block.QNorm is { } qNorm) _backend.RmsNorm(q, qNorm, _config.RmsNormEps, UnitOffset, q);
        if (block.KNorm is { } kNorm) _backend.RmsNorm(k, kNorm, _config.RmsNormEps, UnitOffset, k);
        var rope = _ropes[_config.LayerRopes[l]].For(batch.MaxLength);
        _backend.Rope(q, rows.Positions, rope);
        _backend.Rope(k, batch.Positions, rope);
        var options = new AttentionOptions(
            _config.NHeads, _config.NKvHeads, _config.DHead, _config.QueryScale, _config.AttnLogitSoftcap, _config.LayerWindows[l]);
        _backend.Attention(q, k, v, rows.Positions, rows.Segments, options, mixed);
        _backend.MatMul(mixed, block.O, block.OBias, rows.Branch);
    }
}
