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
    private int[] _counting = [];
    private readonly RopeTable[] _ropes = [.. model.Config.Ropes.Select(rope => new RopeTable(model.Backend, rope, model.Config.DHead))];

    /// <summary>Sees an activation by its hook name (<c>hook_embed</c>, <c>blocks.3.hook_attn_out</c>); the tensor is valid during the call.</summary>
    /// <remarks>
    /// Hooks: <c>hook_embed</c>, <c>blocks.{l}.hook_attn_out</c>, <c>blocks.{l}.hook_mlp_out</c> (the branches as they are added, after any
    /// post-norm), <c>blocks.{l}.hook_resid_post</c>. Rows are the batch's rows; in the last block the read-out rows.
    /// </remarks>
    public delegate void Hook(string name, Tensor activation);

    /// <summary>Runs the batch and gives the states of its read-out rows after one block, [reads, d_model]; valid until the next run.</summary>
    /// <param name="batch">Packed sequences.</param>
    /// <param name="layer">Last block to run, at most the model's last loaded.</param>
    /// <param name="hook">Observer, or null.</param>
    /// <exception cref="SparseRMException">A sequence is longer than the model's context.</exception>
    public Tensor RunToLayer(TokenBatch batch, int layer, Hook? hook = null)
    {
        Span<Tensor> states = [default];
        Run(batch, [layer], states, hook);
        return states[0];
    }

    /// <summary>As <see cref="RunToLayer"/>, after several blocks in one pass; the bits of each are those of a pass that ends there.</summary>
    /// <param name="batch">Packed sequences.</param>
    /// <param name="layers">Blocks, rising; at least one.</param>
    /// <param name="states">The states after each.</param>
    /// <param name="hook">Observer, or null.</param>
    /// <exception cref="SparseRMException">A sequence is longer than the model's context.</exception>
    public void Run(TokenBatch batch, ReadOnlySpan<int> layers, Span<Tensor> states, Hook? hook = null)
    {
        RequireLoaded(layers);
        RequireContext(batch);
        RunBlocks(batch, 0, null, layers, states, hook);
    }

    /// <summary>Goes on from states that something else put in place of those after a block, and gives the states of the read-out rows after a later one, [reads, d_model].</summary>
    /// <remarks>With the states that the model has there, the bits are those of <see cref="RunToLayer"/>.</remarks>
    /// <param name="batch">Packed sequences of which no keys and values are known before or kept after: those of other states must not be mixed with them.</param>
    /// <param name="after">The block whose states are replaced.</param>
    /// <param name="residual">[n_tokens, d_model], a row for each of the batch's rows; not memory that this pass owns.</param>
    /// <param name="layer">Last block to run, above <paramref name="after"/>, at most the model's last loaded.</param>
    /// <exception cref="ArgumentException">A layer is out of range, or keys and values of the batch are known or kept.</exception>
    /// <exception cref="ShapeMismatchException">The states are not those of the batch.</exception>
    /// <exception cref="SparseRMException">A sequence is longer than the model's context.</exception>
    internal Tensor RunFrom(TokenBatch batch, int after, Tensor residual, int layer)
    {
        if (after < 0 || after >= layer) throw new ArgumentOutOfRangeException(nameof(after), after, $"expected a block before block {layer}");
        if (batch.Known.Length > 0 || batch.Kept.Length > 0) throw new ArgumentException("keys and values of the batch are known or kept", nameof(batch));
        if (residual.Rows != batch.TokenCount || residual.Columns != _config.DModel)
            throw new ShapeMismatchException(nameof(RunFrom), $"residual is {residual}, the batch has {batch.TokenCount} rows of d_model {_config.DModel}");
        RequireLoaded([layer]);
        RequireContext(batch);
        Span<Tensor> states = [default];
        RunBlocks(batch, after + 1, residual, [layer], states, null);
        return states[0];
    }

    /// <summary>Frees the activations; the model lives on.</summary>
    public void Dispose()
    {
        _workspace.Dispose();
        foreach (var rope in _ropes) rope.Dispose();
    }

    private float UnitOffset => _config.RmsNormUnitOffset ? 1 : 0;

    private void RequireLoaded(ReadOnlySpan<int> layers)
    {
        for (int i = 0; i < layers.Length; i++)
        {
            if (layers[i] < 0 || layers[i] > model.LastLayer || (i > 0 && layers[i] <= layers[i - 1]))
                throw new ArgumentOutOfRangeException(nameof(layers), layers[i], $"blocks 0..{model.LastLayer} are loaded, and layers rise");
        }
    }

    private void RequireContext(TokenBatch batch)
    {
        if (batch.MaxLength > _config.NCtx)
            throw new SparseRMException($"a sequence has {batch.MaxLength} tokens, the model's context is {_config.NCtx}; shorten or truncate it");
    }

    /// <summary>Runs the blocks from <paramref name="first"/> on, over the embedding or the states that are given for what comes before.</summary>
    private void RunBlocks(TokenBatch batch, int first, Tensor? given, ReadOnlySpan<int> layers, Span<Tensor> states, Hook? hook)
    {
        int n = batch.TokenCount, reads = batch.ReadCount, layer = layers[^1], read = 0;
        var residual = _workspace.Tensor(Activation.Residual, n, _config.DModel);
        var branch = _workspace.Tensor(Activation.Branch, n, _config.DModel);
        var normed = _workspace.Operand(Activation.Normed, n, _config.DModel, model.Compute);
        if (given is { } before) Copy(before, residual);
        else _backend.Embed(model.Embedding, batch.Ids, _config.EmbeddingScale(model.Compute), residual);
        if (first == 0) hook?.Invoke("hook_embed", residual);
        Norm(residual, null, null, model.Block(first).AttnNorm, normed);

        for (int l = first; l < layer; l++)
        {
            RunBlock(l, new Rows(normed, residual, normed, branch, batch.Positions, batch.Segments), batch, hook);
            if (l == layers[read])
            {
                // What a pass that ends here does with its read-out rows, on copies of them.
                states[read] = _workspace.States(read, reads, _config.DModel);
                var mlp = _workspace.Tensor(Activation.ReadBranch, reads, _config.DModel);
                _backend.GatherRows(residual, batch.ReadRows, states[read]);
                _backend.GatherRows(branch, batch.ReadRows, mlp);
                AddMlp(l, states[read++], mlp, null);
            }
            // The MLP's branch is added together with the next block's norm, one pass over the residual stream.
            Norm(residual, branch, model.Block(l).MlpPostNorm, model.Block(l + 1).AttnNorm, normed);
            hook?.Invoke($"blocks.{l}.hook_mlp_out", branch);
            hook?.Invoke($"blocks.{l}.hook_resid_post", residual);
        }

        var readResidual = states[read] = _workspace.States(read, reads, _config.DModel);
        var readBranch = branch.Rows >= reads ? branch.RowRange(0, reads) : _workspace.Tensor(Activation.ReadBranch, reads, _config.DModel);
        var readNormed = _workspace.Operand(Activation.ReadNormed, reads, _config.DModel, model.Compute);
        var last = model.Block(layer);
        _backend.GatherRows(residual, batch.ReadRows, readResidual);
        Norm(readResidual, null, null, last.AttnNorm, readNormed);
        RunBlock(layer, new Rows(normed, readResidual, readNormed, readBranch, batch.ReadPositions, batch.ReadSegments), batch, hook);
        AddMlp(layer, readResidual, readBranch, hook);
    }

    /// <summary>Norms the MLP's branch, where the family does, and adds it to the residual stream.</summary>
    private void AddMlp(int layer, Tensor residual, Tensor branch, Hook? hook)
    {
        if (model.Block(layer).MlpPostNorm is { } postNorm) _backend.RmsNorm(branch, postNorm, _config.RmsNormEps, UnitOffset, branch);
        hook?.Invoke($"blocks.{layer}.hook_mlp_out", branch);
        _backend.Add(residual, branch, residual);
        hook?.Invoke($"blocks.{layer}.hook_resid_post", residual);
    }

    private void Norm(Tensor residual, Tensor? branch, Tensor? branchNorm, Tensor weight, Operand normed) =>
        _backend.AddRmsNorm(residual, branch, branchNorm, weight, _config.RmsNormEps, UnitOffset, normed);

    /// <summary>The rows that a block works on: all rows give keys and values, the asking rows (all, or the read-outs) go on.</summary>
    private readonly ref struct Rows(
        Operand keyInput, Tensor residual, Operand normed, Tensor branch, ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments)
    {
        public readonly Operand KeyInput = keyInput, Normed = normed;
        public readonly Tensor Residual = residual, Branch = branch;
        public readonly ReadOnlySpan<int> Positions = positions;
        public readonly ReadOnlySpan<AttentionSegment> Segments = segments;
    }

    /// <summary>Adds the attention's branch to the residual stream and leaves the MLP's branch, neither normed nor added yet, in rows.Branch.</summary>
    private void RunBlock(int l, Rows rows, TokenBatch batch, Hook? hook)
    {
        var block = model.Block(l);
        RunAttention(l, block, rows, batch);
        Norm(rows.Residual, rows.Branch, block.AttnPostNorm, block.MlpNorm, rows.Normed);
        hook?.Invoke($"blocks.{l}.hook_attn_out", rows.Branch);
        var activated = _workspace.Operand(Activation.Activated, rows.Normed.Rows, _config.DMlp, model.Compute);
        _backend.GatedMatMul(rows.Normed, block.Gate, block.Up, _config.Activation, activated);
        _backend.MatMul(activated, new Product(block.Down, null, rows.Branch));
    }

    private void RunAttention(int l, BlockWeights block, Rows rows, TokenBatch batch)
    {
        int kvWidth = _config.NKvHeads * _config.DHead, queries = rows.Normed.Rows;
        var q = _workspace.Tensor(Activation.Q, queries, _config.NHeads * _config.DHead);
        // Fused with attention, the rotation leaves other keys.
        bool rotates = !_backend.FusesRopeAttention;
        var home = rotates ? batch.Home : null;
        var kv = home is var (segment, first, count) ? segment.Rows(l, first, count) : _workspace.Tensor(Activation.KeysAndValues, batch.KeyCount, 2 * kvWidth);
        var own = batch.Own.Length switch
        {
            0 => kv,
            1 => kv.RowRange(batch.Own[0].Key, batch.TokenCount),
            _ => _workspace.Tensor(Activation.OwnKeysAndValues, batch.TokenCount, 2 * kvWidth),
        };

        var (toQ, toKV) = (new Product(block.Q, block.QBias, q), new Product(block.KV, block.KVBias, own));
        if (rows.Normed == rows.KeyInput)
        {
            _backend.MatMul(rows.Normed, toQ, toKV);
        }
        else
        {
            _backend.MatMul(rows.KeyInput, toKV);
            _backend.MatMul(rows.Normed, toQ);
        }
        if (block.QNorm is { } qNorm) _backend.RmsNorm(q, qNorm, _config.RmsNormEps, UnitOffset, q);
        if (block.KNorm is { } kNorm) _backend.RmsNorm(own.ColumnRange(0, kvWidth), kNorm, _config.RmsNormEps, UnitOffset, own.ColumnRange(0, kvWidth));
        var rope = _ropes[_config.LayerRopes[l]].For(batch.MaxLength);
        if (rotates)
        {
            _backend.Rope(q, rows.Positions, rope);
            _backend.Rope(own.ColumnRange(0, kvWidth), batch.Positions, rope);
        }
        if (home is null) PutTogether(l, batch, own, kv);
        var (k, v) = (kv.ColumnRange(0, kvWidth), kv.ColumnRange(kvWidth, kvWidth));
        var options = new AttentionOptions(
            _config.NHeads, _config.NKvHeads, _config.DHead, _config.QueryScale, _config.AttnLogitSoftcap, _config.LayerWindows[l]);
        var mixed = _workspace.Operand(Activation.Mixed, queries, _config.NHeads * _config.DHead, model.Compute);
        if (rotates) _backend.Attention(q, k, v, rows.Positions, rows.Segments, options, mixed);
        else _backend.RopeAttention(q, k, v, rows.Positions, batch.KeyPositions, rope, rows.Segments, options, mixed);
        _backend.MatMul(mixed, new Product(block.O, block.OBias, rows.Branch));
    }

    /// <summary>Keeps what is to be kept of the own keys and values, and puts the known ones beside them.</summary>
    private void PutTogether(int l, TokenBatch batch, Tensor own, Tensor kv)
    {
        foreach (var (row, kept) in batch.Kept) Copy(own.RowRange(row, kept.Count), kept.Segment.Rows(l, kept.First, kept.Count));
        if (batch.Own.Length > 1)
            foreach (var (row, key, count) in batch.Own) Copy(own.RowRange(row, count), kv.RowRange(key, count));
        foreach (var (row, known) in batch.Known) Copy(known.Segment.Rows(l, known.First, known.Count), kv.RowRange(row, known.Count));
    }

    private void Copy(Tensor from, Tensor to)
    {
        for (int i = _counting.Length; i < from.Rows; i = _counting.Length)
        {
            Array.Resize(ref _counting, Math.Max(from.Rows, 2 * i));
            for (; i < _counting.Length; i++) _counting[i] = i;
        }
        _backend.GatherRows(from, _counting.AsSpan(0, from.Rows), to);
    }
}
