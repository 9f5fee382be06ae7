using System.Collections.Concurrent;

namespace SparseRM.Research.SaeTraining;

/// <summary>From a batch to its active latents: encodes every row, and keeps those that the architecture lets through.</summary>
/// <param name="options">Says how they are chosen.</param>
/// <param name="parameters">Has the thresholds.</param>
/// <param name="encoder">The packed encoder.</param>
/// <param name="batch">Normed states, [rows, padded d_in].</param>
/// <param name="parallel">Threads; they change no bit.</param>
internal sealed class LatentChoice(SaeTrainingOptions options, SaeParameters parameters, PackedEncoder encoder, float[] batch, ParallelOptions parallel)
{
    private const double ThresholdRate = 0.01;
    private const float HintShare = 0.9f;
    private readonly ConcurrentBag<Work> _works = [];
    private readonly float[] _floors = new float[encoder.PaddedWidth];
    private int[] _dead = [];
    private float[] _candidates = [];

    /// <summary>Active latents of each tile of rows; with JumpReLU also those near their thresholds.</summary>
    public SparseTile[] Main { get; } = Tiles(options);

    /// <summary>The greatest dead latents of each tile of rows.</summary>
    public SparseTile[] Auxiliary { get; } = Tiles(options);

    /// <summary>BatchTopK: the running mean of the least activation that a batch let through.</summary>
    public double BatchThreshold { get; set; }

    /// <summary>Tiles that so many rows fill.</summary>
    public static int TilesOf(int rows) => (rows + SparseTile.Rows - 1) / SparseTile.Rows;

    /// <summary>Chooses.</summary>
    /// <param name="rows">First rows of the batch.</param>
    /// <param name="dead">Dead latents, for <see cref="Auxiliary"/>.</param>
    /// <param name="steps">Steps before, for the running mean.</param>
    public void Choose(int rows, int[] dead, long steps)
    {
        _dead = dead;
        Clear();
        switch (options.Architecture)
        {
            case SaeArchitecture.TopK:
                EachRow(rows, AddGreatest);
                break;
            case SaeArchitecture.JumpRelu:
                for (int j = 0; j < parameters.Width; j++) _floors[j] = parameters.Threshold.Values[j] - JumpReluPenalty.HalfBandwidth;
                EachRow(rows, (p, tile, _) => tile.AddAbove(p, _floors));
                break;
            default:
                Follow(Cut(rows, options.Active * rows, HintShare * (float)BatchThreshold), steps);
                break;
        }
    }

    /// <summary>Keeps the greatest positive pre-activations of the batch and gives the least of them.</summary>
    /// <param name="rows">First rows of the batch.</param>
    /// <param name="count">How many are kept.</param>
    /// <param name="hint">A value that so many are believed to reach; 0 for none.</param>
    public float Cut(int rows, double count, float hint = 0)
    {
        int wanted = (int)Math.Min(count, int.MaxValue), tiles = TilesOf(rows);
        while (true)
        {
            Clear();
            EachRow(rows, (p, tile, _) => tile.AddAbove(p, hint));
            if (hint == 0 || Main.Sum(tile => (long)tile.Count) >= wanted) break;
            hint = 0;
        }
        int total = Main.Sum(tile => tile.Count);
        if (total == 0) return 0;
        if (total > wanted)
        {
            if (_candidates.Length < total) _candidates = new float[total + (total / 4)];
            int at = 0;
            foreach (var tile in Main)
            {
                tile.Values.AsSpan(0, tile.Count).CopyTo(_candidates.AsSpan(at));
                at += tile.Count;
            }
            float cut = Selection.KthGreatest(_candidates.AsSpan(0, total), wanted);
            Parallel.For(0, tiles, parallel, tile => Main[tile].KeepFrom(cut));
            int excess = Main.Sum(tile => tile.Count) - wanted;
            for (int tile = tiles - 1; excess > 0; tile--) excess -= Main[tile].DropLastEqual(cut, excess);
            return cut;
        }
        return LeastOf(tiles);
    }

    /// <summary>How many latents of the first tiles are active.</summary>
    public long ActiveIn(int tiles)
    {
        long active = 0;
        float[] thresholds = parameters.Threshold.Values;
        for (int number = 0; number < tiles; number++)
        {
            var tile = Main[number];
            for (int i = 0; i < tile.Count; i++)
                if (tile.Values[i] > thresholds[tile.Latents[i]]) active++;
        }
        return active;
    }

    /// <summary>Seconds that the encoder's product alone takes on a whole batch: what the step's other work is measured against.</summary>
    public double MeasureProduct()
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Parallel.For(0, Main.Length, parallel, tile => WithWork(work => Encode(tile, work)));
        return clock.Elapsed.TotalSeconds;
    }

    private static SparseTile[] Tiles(SaeTrainingOptions options) => [.. Enumerable.Range(0, TilesOf(options.BatchTokens)).Select(_ => new SparseTile())];

    private void Clear()
    {
        foreach (var tile in Main.Concat(Auxiliary)) tile.Clear();
    }

    private void AddGreatest(ReadOnlySpan<float> p, SparseTile tile, Work work)
    {
        int k = (int)options.Active;
        tile.AddAbove(p, Math.Max(0, MathF.BitDecrement(Selection.BoundOfGreatest(p, k, ref work.Values))));
        tile.KeepGreatest(k, ref work.Values);
    }

    private void Follow(float least, long steps)
    {
        double rate = Math.Max(ThresholdRate, 1.0 / (steps + 1));
        BatchThreshold += rate * (least - BatchThreshold);
    }

    private float LeastOf(int tiles)
    {
        float least = float.PositiveInfinity;
        for (int tile = 0; tile < tiles; tile++)
            foreach (float value in Main[tile].Values.AsSpan(0, Main[tile].Count)) least = Math.Min(least, value);
        return least;
    }

    private delegate void RowSelector(ReadOnlySpan<float> p, SparseTile tile, Work work);

    private void EachRow(int rows, RowSelector select) => Parallel.For(0, TilesOf(rows), parallel, number => WithWork(work =>
    {
        Encode(number, work);
        int width = encoder.PaddedWidth, count = Math.Min(SparseTile.Rows, rows - (number * SparseTile.Rows));
        for (int row = 0; row < count; row++)
        {
            var p = work.Products.AsSpan(row * width, width);
            select(p, Main[number], work);
            Main[number].EndRow();
            if (_dead.Length == 0) continue;
            foreach (int latent in _dead)
                if (p[latent] > 0) Auxiliary[number].Add(latent, p[latent]);
            Auxiliary[number].KeepGreatest(Math.Max(1, parameters.DIn / 2), ref work.Values);
            Auxiliary[number].EndRow();
        }
    }));

    private void Encode(int tile, Work work) =>
        encoder.Multiply(batch.AsSpan(tile * SparseTile.Rows * parameters.Depth, SparseTile.Rows * parameters.Depth), SparseTile.Rows, work.Products);

    private void WithWork(Action<Work> run)
    {
        var work = _works.TryTake(out var free) ? free : new Work(SparseTile.Rows * encoder.PaddedWidth);
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
