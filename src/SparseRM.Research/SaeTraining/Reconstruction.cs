namespace SparseRM.Research.SaeTraining;

/// <summary>From active latents to what they leave: residuals of every row, the loss, and its slope in each activation.</summary>
/// <param name="options">Has the architecture.</param>
/// <param name="parameters">Directions and bias.</param>
/// <param name="choice">The active latents; takes the slopes.</param>
/// <param name="batch">Normed states, [rows, padded d_in].</param>
/// <param name="parallel">Threads; they change no bit.</param>
internal sealed class Reconstruction(SaeTrainingOptions options, SaeParameters parameters, LatentChoice choice, float[] batch, ParallelOptions parallel)
{
    private readonly int _batchRows = choice.Main.Length * SparseTile.Rows;
    private readonly float[][] _tileSums = [.. choice.Main.Select(_ => new float[parameters.Depth])];
    private readonly double[] _tileLosses = new double[choice.Main.Length];

    /// <summary>Latents after which each prefix ends; one prefix, of all, but with Matryoshka.</summary>
    public int[] Ends { get; } = EndsOf(options, parameters.Width);

    /// <summary>recon - x, a group of rows for each prefix and one more with dead latents added, [groups, rows, padded d_in].</summary>
    public float[] Residuals { get; } = new float[checked((EndsOf(options, parameters.Width).Length + 1) * choice.Main.Length * SparseTile.Rows * parameters.Depth)];

    /// <summary>The first row of the residuals in which a latent of a layer (0: active ones, 1: dead ones) has its part.</summary>
    public int FirstRowOf(int layer, int latent) => (layer == 0 ? GroupOf(latent) : Ends.Length) * _batchRows;

    /// <summary>Fills the residuals and the slopes of the first tiles.</summary>
    /// <param name="tiles">How many.</param>
    /// <param name="scale">Of the loss's slope in a reconstruction, per residual.</param>
    /// <returns>The sum of all squares.</returns>
    public double Run(int tiles, float scale)
    {
        Parallel.For(0, tiles, parallel, tile => Reconstruct(tile, scale));
        double loss = 0;
        for (int tile = 0; tile < tiles; tile++) loss += _tileLosses[tile];
        return loss;
    }

    /// <summary>The loss's slope in b_dec.</summary>
    public float[] BiasSlope(int tiles, float scale)
    {
        var gradient = new float[parameters.Depth];
        for (int tile = 0; tile < tiles; tile++) RowMath.AddScaled(scale, _tileSums[tile], gradient);
        return gradient;
    }

    private static int[] EndsOf(SaeTrainingOptions options, int width) => options.Architecture == SaeArchitecture.Matryoshka
        ? [.. new[] { 1, 3, 7, 15, 32 }.Select(share => (int)((long)width * share / 32)).Where(end => end > 0)] : [width];

    private int GroupOf(int latent)
    {
        int group = 0;
        while (latent >= Ends[group]) group++;
        return group;
    }

    /// <summary>Residuals of a tile's rows, and the loss's slope in each of their activations.</summary>
    private void Reconstruct(int number, float scale)
    {
        var (tile, auxiliary) = (choice.Main[number], choice.Auxiliary[number]);
        var sums = _tileSums[number].AsSpan();
        sums.Clear();
        double loss = 0;
        for (int row = 0; row < tile.RowCount; row++)
        {
            int inBatch = (number * SparseTile.Rows) + row;
            loss += ReconstructRow(tile, row, inBatch);
            var whole = Residual(Ends.Length - 1, inBatch);
            if (auxiliary.RowCount > 0) ReconstructRest(auxiliary, row, whole, Residual(Ends.Length, inBatch), scale);
            // A latent moves the reconstruction of its own prefix and of all longer ones.
            for (int group = Ends.Length - 2; group >= 0; group--) RowMath.Add(Residual(group + 1, inBatch), Residual(group, inBatch));
            Slopes(tile, row, scale, inBatch);
            RowMath.Add(Residual(0, inBatch), sums);
        }
        _tileLosses[number] = loss;
    }

    private double ReconstructRow(SparseTile tile, int row, int inBatch)
    {
        var (i, end) = (tile[row].Start.Value, tile[row].End.Value);
        bool isJump = options.Architecture == SaeArchitecture.JumpRelu;
        float[] thresholds = parameters.Threshold.Values;
        double loss = 0;
        for (int group = 0; group < Ends.Length; group++)
        {
            var residual = Residual(group, inBatch);
            if (group > 0) Residual(group - 1, inBatch).CopyTo(residual);
            else
            {
                parameters.BDec.Values.CopyTo(residual);
                RowMath.AddScaled(-1, batch.AsSpan(inBatch * parameters.Depth, parameters.Depth), residual);
            }
            int first = i;
            while (i < end && tile.Latents[i] < Ends[group]) i++;
            if (!isJump) RowMath.AddRows(parameters.WDec.Values, tile.Latents.AsSpan(first, i - first), tile.Values.AsSpan(first, i - first), residual);
            for (int j = first; isJump && j < i; j++)
                if (tile.Values[j] > thresholds[tile.Latents[j]]) RowMath.AddScaled(tile.Values[j], Direction(tile.Latents[j]), residual);
            loss += RowMath.Dot(residual, residual);
        }
        return loss;
    }

    private void ReconstructRest(SparseTile tile, int row, ReadOnlySpan<float> whole, Span<float> residual, float scale)
    {
        whole.CopyTo(residual);
        RowMath.AddRows(parameters.WDec.Values, tile.Latents.AsSpan(tile[row]), tile.Values.AsSpan(tile[row]), residual);
        for (int i = tile[row].Start.Value; i < tile[row].End.Value; i++) tile.Slopes[i] = scale * RowMath.Dot(residual, Direction(tile.Latents[i]));
    }

    private void Slopes(SparseTile tile, int row, float scale, int inBatch)
    {
        for (int i = tile[row].Start.Value; i < tile[row].End.Value; i++)
            tile.Slopes[i] = scale * RowMath.Dot(Residual(GroupOf(tile.Latents[i]), inBatch), Direction(tile.Latents[i]));
    }

    private Span<float> Residual(int group, int inBatch) => Residuals.AsSpan(((group * _batchRows) + inBatch) * parameters.Depth, parameters.Depth);

    private ReadOnlySpan<float> Direction(int latent) => parameters.WDec.Values.AsSpan(latent * parameters.Depth, parameters.Depth);
}
