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
    private const double WarmUp = 0.05, Decay = 0.2;
    private readonly SaeTrainingOptions _options;
    private readonly SaeParameters _parameters;
    private readonly PackedEncoder _encoder;
    private readonly ParallelOptions _parallel;
    private readonly LatentLists _lists;
    private readonly LatentChoice _choice;
    private readonly Reconstruction _reconstruction;
    private readonly LatentStep _latents;

    /// <summary>A trainer whose state is that of the parameters.</summary>
    public SaeTrainer(SaeTrainingOptions options, SaeParameters parameters)
    {
        (_options, _parameters) = (options, parameters);
        _encoder = new PackedEncoder(parameters.Width, parameters.Depth);
        _parallel = new ParallelOptions { MaxDegreeOfParallelism = options.ThreadsToUse };
        _lists = new LatentLists(parameters.Width);
        BatchRows = LatentChoice.TilesOf(options.BatchTokens) * SparseTile.Rows;
        Batch = new float[BatchRows * parameters.Depth];
        _choice = new LatentChoice(options, parameters, _encoder, Batch, _parallel);
        _reconstruction = new Reconstruction(options, parameters, _choice, Batch, _parallel);
        _latents = new LatentStep(parameters, _encoder, _lists, Batch, _reconstruction.Residuals, _reconstruction.FirstRowOf(1, 0));
        Since = new long[parameters.Width];
        PackAll();
    }

    /// <summary>Normed states of the next step, [rows, padded d_in]; what lies behind its rows counts for nothing.</summary>
    public float[] Batch { get; }

    /// <summary>Rows that <see cref="Batch"/> has room for.</summary>
    public int BatchRows { get; }

    /// <summary>Puts states into <see cref="Batch"/>.</summary>
    public void Fill(ReadOnlyMemory<int> rows, StateBuffer states, StateNorm norm) => Parallel.For(0, LatentChoice.TilesOf(rows.Length), _parallel, tile =>
    {
        int end = Math.Min((tile + 1) * SparseTile.Rows, rows.Length);
        for (int i = tile * SparseTile.Rows; i < end; i++) norm.Apply(states[rows.Span[i]], Batch.AsSpan(i * _parameters.Depth, _parameters.Depth));
    });

    /// <summary>Steps done.</summary>
    public long Steps { get; set; }

    /// <summary>Tokens since each latent was last active.</summary>
    public long[] Since { get; }

    /// <summary>What of the choice goes from step to step.</summary>
    public double BatchThreshold
    {
        get => _choice.BatchThreshold;
        set => _choice.BatchThreshold = value;
    }

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
        if (isJump && Steps == 0) Array.Fill(_parameters.Threshold.Values, _choice.Cut(rows, 2 * _options.Active * rows));
        _choice.Choose(rows, isJump ? [] : DeadLatents(), Steps);
        float scale = 2f / rows / _reconstruction.Ends.Length;
        int tiles = LatentChoice.TilesOf(rows);
        double loss = _reconstruction.Run(tiles, scale);
        if (!double.IsFinite(loss))
            throw new SparseRMException(ErrorKind.Numeric, $"training diverged at step {Steps + 1}: the loss is {loss}; lower the learning rate");
        _lists.Fill([_choice.Main, _choice.Auxiliary], _reconstruction.FirstRowOf, _parallel);
        Steps++;
        double rate = Math.Min(1, Math.Min((progress + (1e-9 / WarmUp)) / WarmUp, (1 - progress) / Decay)) * _options.LearningRateToUse;
        var adam = new Adam(Steps, rate);
        JumpReluPenalty? penalty = isJump ? new JumpReluPenalty(_parameters.DIn, _options.Active, _choice.ActiveIn(tiles) / (double)rows, rows, progress) : null;
        _latents.Prepare(adam, new Adam(Steps, JumpReluPenalty.ThresholdPace * rate), scale, rows, penalty, Since, DeadAfter);
        Parallel.For(0, _encoder.Panels, _parallel, _latents.Run);
        adam.Step(_parameters.BDec.Values, _reconstruction.BiasSlope(tiles, scale), _parameters.BDec.Mean, _parameters.BDec.Square);
    }

    /// <summary>Seconds that the encoder's product alone takes on a whole batch: what the step's other work is measured against.</summary>
    public double MeasureProduct() => _choice.MeasureProduct();

    private int[] DeadLatents()
    {
        var dead = new List<int>();
        for (int j = 0; j < Since.Length; j++)
            if (Since[j] > DeadAfter) dead.Add(j);
        return [.. dead];
    }
}
