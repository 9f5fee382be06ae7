using System.Collections.Concurrent;
using SparseRM.Errors;

namespace SparseRM.Research.SaeTraining;

/// <summary>Trains an SAE, one batch of states at a time, in float32.</summary>
/// <remarks>
/// <para>The loss of a batch is the mean over its tokens of |recon - x|^2, with x in units in which it is d_in on average. Matryoshka has the mean of that over
/// prefixes of the latents, which end at 1/32, 3/32, 7/32, 15/32 and all of the width, as in its source.</para>
/// <para>TopK, BatchTopK and Matryoshka add |aux - (x - recon)|^2, aux being what the d_in / 2 greatest dead latents give; its weight does not matter, since
/// dead latents have no other gradient and Adam knows no scale. JumpReLU: see <see cref="JumpReluPenalty"/>. A dead latent that no loss reaches has its bias raised.</para>
/// <para>Only encoding is dense. Decoding and the gradients of both matrices touch active latents alone. Work is dealt in tiles of rows and panels of latents of
/// fixed sizes, and every sum has one order: the bits do not depend on the number of threads.</para>
/// </remarks>
internal sealed class SaeTrainer
{
    private const double WarmUp = 0.05, Decay = 0.2, ThresholdRate = 0.01;
    private const float HintShare = 0.9f;
    private readonly SaeTrainingOptions _options;
    private readonly SaeParameters _parameters;
    private readonly PackedEncoder _encoder;
    private readonly ParallelOptions _parallel;
    private readonly LatentLists _lists;
    private readonly LatentStep _latents;
    private readonly ConcurrentBag<Work> _works = [];
    private readonly SparseTile[] _main, _auxiliary;
    private readonly float[][] _tileSums;
    private readonly double[] _tileLosses;
    private readonly float[] _residuals, _floors;
    private readonly int[] _ends;
    private int[] _dead = [];
    private float[] _candidates = [];

    /// <summary>A trainer whose state is that of the parameters.</summary>
    public SaeTrainer(SaeTrainingOptions options, SaeParameters parameters)
    {
        (_options, _parameters) = (options, parameters);
        _encoder = new PackedEncoder(parameters.Width, parameters.Depth);
        _parallel = new ParallelOptions { MaxDegreeOfParallelism = options.ThreadsToUse };
        _lists = new LatentLists(parameters.Width);
        int tiles = (options.BatchTokens + SparseTile.Rows - 1) / SparseTile.Rows;
        BatchRows = tiles * SparseTile.Rows;
        Batch = new float[BatchRows * parameters.Depth];
        (_main, _auxiliary) = ([.. Enumerable.Range(0, tiles).Select(_ => new SparseTile())], [.. Enumerable.Range(0, tiles).Select(_ => new SparseTile())]);
        _tileSums = [.. Enumerable.Range(0, tiles).Select(_ => new float[parameters.Depth])];
        _tileLosses = new double[tiles];
        _ends = options.Architecture == SaeArchitecture.Matryoshka
            ? [.. new[] { 1, 3, 7, 15, 32 }.Select(share => (int)((long)parameters.Width * share / 32)).Where(end => end > 0)] : [parameters.Width];
        _residuals = new float[checked((_ends.Length + 1) * BatchRows * parameters.Depth)];
        _floors = new float[_encoder.PaddedWidth];
        _latents = new LatentStep(parameters, _encoder, _lists, Batch, _residuals, (_ends.Length) * BatchRows);
        Since = new long[parameters.Width];
        PackAll();
    }

    /// <summary>Normed states of the next step, [rows, padded d_in]; what lies behind its rows counts for nothing.</summary>
    public float[] Batch { get; }

    /// <summary>Rows that <see cref="Batch"/> has room for.</summary>
    public int BatchRows { get; }

    /// <summary>Puts states into <see cref="Batch"/>.</summary>
    public void Fill(ReadOnlyMemory<int> rows, StateBuffer states, StateNorm norm) => Parallel.For(0, TilesOf(rows.Length), _parallel, tile =>
    {
        int end = Math.Min((tile + 1) * SparseTile.Rows, rows.Length);
        for (int i = tile * SparseTile.Rows; i < end; i++) norm.Apply(states[rows.Span[i]], Batch.AsSpan(i * _parameters.Depth, _parameters.Depth));
    });

    /// <summary>Steps done.</summary>
    public long Steps { get; set; }

    /// <summary>Tokens since each latent was last active.</summary>
    public long[] Since { get; }

    /// <summary>BatchTopK: the running mean of the least activation that a batch let through.</summary>
    public double BatchThreshold { get; set; }

    /// <summary>A latent is dead once it was active for none of so many tokens.</summary>
    public long DeadAfter => Math.Min(10_000_000, Math.Max(_options.Tokens / 20, 8L * _options.BatchTokens));

    /// <summary>Packs the encoder; needed once the parameters were read from a file.</summary>
    public void PackAll()
    {
        for (int panel = 0; panel < _encoder.Panels; panel++) _encoder.Pack(panel, _parameters.WEnc.Values, _parameters.BEnc.Values);
    }

    /// <summary>One step on the first rows of <see cref="Batch"/>.</summary>
    /// <param name="rows">At least 1.</param>
    /// <param name="progress">The share of all tokens that were trained on before, for the schedules.</param>
    /// <exception cref="SparseRMException">The loss is not finite.</exception>
    public void Step(int rows, double progress)
    {
        bool isJump = _options.Architecture == SaeArchitecture.JumpRelu;
        if (isJump && Steps == 0) Array.Fill(_parameters.Threshold.Values, Cut(rows, 2 * _options.Active * rows));
        _dead = isJump ? [] : DeadLatents();
        Select(rows);
        float scale = 2f / rows / _ends.Length;
        int tiles = TilesOf(rows);
        Parallel.For(0, tiles, _parallel, tile => Reconstruct(tile, scale));
        double loss = 0;
        for (int tile = 0; tile < tiles; tile++) loss += _tileLosses[tile];
        if (!double.IsFinite(loss))
            throw new SparseRMException(ErrorKind.Numeric, $"training diverged at step {Steps + 1}: the loss is {loss}; lower the learning rate");
        _lists.Fill([_main, _auxiliary], (layer, latent) => (layer == 0 ? GroupOf(latent) : _ends.Length) * BatchRows, _parallel);
        Steps++;
        var adam = new Adam(Steps, Math.Min(1, Math.Min((progress + (1e-9 / WarmUp)) / WarmUp, (1 - progress) / Decay)) * _options.LearningRateToUse);
        JumpReluPenalty? penalty = isJump ? new JumpReluPenalty(_parameters.DIn, _options.Active, ActiveIn(tiles) / (double)rows, rows, progress) : null;
        _latents.Prepare(adam, scale, rows, penalty, Since, DeadAfter);
        Parallel.For(0, _encoder.Panels, _parallel, _latents.Run);
        StepBias(adam, tiles, scale);
    }

    /// <summary>Seconds that the encoder's product alone takes on a whole batch: what the step's other work is measured against.</summary>
    public double MeasureProduct()
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Parallel.For(0, _main.Length, _parallel, tile => WithWork(work => Encode(tile, work)));
        return clock.Elapsed.TotalSeconds;
    }

    private static int TilesOf(int rows) => (rows + SparseTile.Rows - 1) / SparseTile.Rows;

    private int GroupOf(int latent)
    {
        int group = 0;
        while (latent >= _ends[group]) group++;
        return group;
    }

    private int[] DeadLatents()
    {
        var dead = new List<int>();
        for (int j = 0; j < Since.Length; j++)
            if (Since[j] > DeadAfter) dead.Add(j);
        return [.. dead];
    }

    /// <summary>Finds the active latents of every row, and with JumpReLU those near their thresholds.</summary>
    private void Select(int rows)
    {
        foreach (var tile in _main.Concat(_auxiliary)) tile.Clear();
        switch (_options.Architecture)
        {
            case SaeArchitecture.TopK:
                EachRow(rows, AddGreatest);
                break;
            case SaeArchitecture.JumpRelu:
                for (int j = 0; j < _parameters.Width; j++) _floors[j] = _parameters.Threshold.Values[j] - JumpReluPenalty.HalfBandwidth;
                EachRow(rows, (p, tile, _) => tile.AddAbove(p, _floors));
                break;
            default:
                Follow(Cut(rows, _options.Active * rows, HintShare * (float)BatchThreshold));
                break;
        }
    }

    private void AddGreatest(ReadOnlySpan<float> p, SparseTile tile, Work work)
    {
        int k = (int)_options.Active;
        tile.AddAbove(p, Math.Max(0, MathF.BitDecrement(Selection.BoundOfGreatest(p, k, ref work.Values))));
        tile.KeepGreatest(k, ref work.Values);
    }

    private void Follow(float least)
    {
        double rate = Math.Max(ThresholdRate, 1.0 / (Steps + 1));
        BatchThreshold += rate * (least - BatchThreshold);
    }

    /// <summary>Keeps the greatest positive pre-activations of the batch and gives the least of them.</summary>
    private float Cut(int rows, double count, float hint = 0)
    {
        int wanted = (int)Math.Min(count, int.MaxValue), tiles = TilesOf(rows);
        while (true)
        {
            foreach (var tile in _main.Concat(_auxiliary)) tile.Clear();
            EachRow(rows, (p, tile, _) => tile.AddAbove(p, hint));
            if (hint == 0 || _main.Sum(tile => (long)tile.Count) >= wanted) break;
            hint = 0;
        }
        int total = _main.Sum(tile => tile.Count);
        if (total == 0) return 0;
        if (total > wanted)
        {
            if (_candidates.Length < total) _candidates = new float[total + (total / 4)];
            int at = 0;
            foreach (var tile in _main)
            {
                tile.Values.AsSpan(0, tile.Count).CopyTo(_candidates.AsSpan(at));
                at += tile.Count;
            }
            float cut = Selection.KthGreatest(_candidates.AsSpan(0, total), wanted);
            Parallel.For(0, tiles, _parallel, tile => _main[tile].KeepFrom(cut));
            int excess = _main.Sum(tile => tile.Count) - wanted;
            for (int tile = tiles - 1; excess > 0; tile--) excess -= _main[tile].DropLastEqual(cut, excess);
            return cut;
        }
        return LeastOf(tiles);
    }

    private float LeastOf(int tiles)
    {
        float least = float.PositiveInfinity;
        for (int tile = 0; tile < tiles; tile++)
            foreach (float value in _main[tile].Values.AsSpan(0, _main[tile].Count)) least = Math.Min(least, value);
        return least;
    }

    private delegate void RowSelector(ReadOnlySpan<float> p, SparseTile tile, Work work);

    private void EachRow(int rows, RowSelector select) => Parallel.For(0, TilesOf(rows), _parallel, number => WithWork(work =>
    {
        Encode(number, work);
        int width = _encoder.PaddedWidth, count = Math.Min(SparseTile.Rows, rows - (number * SparseTile.Rows));
        for (int row = 0; row < count; row++)
        {
            var p = work.Products.AsSpan(row * width, width);
            select(p, _main[number], work);
            _main[number].EndRow();
            if (_dead.Length == 0) continue;
            foreach (int latent in _dead)
                if (p[latent] > 0) _auxiliary[number].Add(latent, p[latent]);
            _auxiliary[number].KeepGreatest(Math.Max(1, _parameters.DIn / 2), ref work.Values);
            _auxiliary[number].EndRow();
        }
    }));

    private void Encode(int tile, Work work) =>
        _encoder.Multiply(Batch.AsSpan(tile * SparseTile.Rows * _parameters.Depth, SparseTile.Rows * _parameters.Depth), SparseTile.Rows, work.Products);

    /// <summary>Residuals of a tile's rows, and the loss's slope in each of their activations.</summary>
    private void Reconstruct(int number, float scale)
    {
        var (tile, auxiliary) = (_main[number], _auxiliary[number]);
        var sums = _tileSums[number].AsSpan();
        sums.Clear();
        double loss = 0;
        for (int row = 0; row < tile.RowCount; row++)
        {
            int inBatch = (number * SparseTile.Rows) + row;
            loss += ReconstructRow(tile, row, inBatch);
            var whole = Residual(_ends.Length - 1, inBatch);
            if (auxiliary.RowCount > 0) ReconstructRest(auxiliary, row, whole, Residual(_ends.Length, inBatch), scale);
            // A latent moves the reconstruction of its own prefix and of all longer ones.
            for (int group = _ends.Length - 2; group >= 0; group--) RowMath.Add(Residual(group + 1, inBatch), Residual(group, inBatch));
            Slopes(tile, row, scale, inBatch);
            RowMath.Add(Residual(0, inBatch), sums);
        }
        _tileLosses[number] = loss;
    }

    private double ReconstructRow(SparseTile tile, int row, int inBatch)
    {
        var (i, end) = (tile[row].Start.Value, tile[row].End.Value);
        bool isJump = _options.Architecture == SaeArchitecture.JumpRelu;
        float[] thresholds = _parameters.Threshold.Values;
        double loss = 0;
        for (int group = 0; group < _ends.Length; group++)
        {
            var residual = Residual(group, inBatch);
            if (group > 0) Residual(group - 1, inBatch).CopyTo(residual);
            else
            {
                _parameters.BDec.Values.CopyTo(residual);
                RowMath.AddScaled(-1, Batch.AsSpan(inBatch * _parameters.Depth, _parameters.Depth), residual);
            }
            int first = i;
            while (i < end && tile.Latents[i] < _ends[group]) i++;
            if (!isJump) RowMath.AddRows(_parameters.WDec.Values, tile.Latents.AsSpan(first, i - first), tile.Values.AsSpan(first, i - first), residual);
            for (int j = first; isJump && j < i; j++)
                if (tile.Values[j] > thresholds[tile.Latents[j]]) RowMath.AddScaled(tile.Values[j], Direction(tile.Latents[j]), residual);
            loss += RowMath.Dot(residual, residual);
        }
        return loss;
    }

    private void ReconstructRest(SparseTile tile, int row, ReadOnlySpan<float> whole, Span<float> residual, float scale)
    {
        whole.CopyTo(residual);
        RowMath.AddRows(_parameters.WDec.Values, tile.Latents.AsSpan(tile[row]), tile.Values.AsSpan(tile[row]), residual);
        for (int i = tile[row].Start.Value; i < tile[row].End.Value; i++) tile.Slopes[i] = scale * RowMath.Dot(residual, Direction(tile.Latents[i]));
    }

    private void Slopes(SparseTile tile, int row, float scale, int inBatch)
    {
        for (int i = tile[row].Start.Value; i < tile[row].End.Value; i++)
            tile.Slopes[i] = scale * RowMath.Dot(Residual(GroupOf(tile.Latents[i]), inBatch), Direction(tile.Latents[i]));
    }

    private Span<float> Residual(int group, int inBatch) => _residuals.AsSpan(((group * BatchRows) + inBatch) * _parameters.Depth, _parameters.Depth);

    private ReadOnlySpan<float> Direction(int latent) => _parameters.WDec.Values.AsSpan(latent * _parameters.Depth, _parameters.Depth);

    private long ActiveIn(int tiles)
    {
        long active = 0;
        float[] thresholds = _parameters.Threshold.Values;
        for (int number = 0; number < tiles; number++)
        {
            var tile = _main[number];
            for (int i = 0; i < tile.Count; i++)
                if (tile.Values[i] > thresholds[tile.Latents[i]]) active++;
        }
        return active;
    }

    private void StepBias(in Adam adam, int tiles, float scale)
    {
        var gradient = new float[_parameters.Depth];
        for (int tile = 0; tile < tiles; tile++) RowMath.AddScaled(scale, _tileSums[tile], gradient);
        adam.Step(_parameters.BDec.Values, gradient, _parameters.BDec.Mean, _parameters.BDec.Square);
    }

    private void WithWork(Action<Work> run)
    {
        var work = _works.TryTake(out var free) ? free : new Work(SparseTile.Rows * _encoder.PaddedWidth);
        run(work);
        _works.Add(work);
    }

    /// <summary>Scratch of whoever works on a tile.</summary>
    private sealed class Work(int products)
    {
        public readonly float[] Products = new float[products];
        public float[] Values = [];
    }
}
