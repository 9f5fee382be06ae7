namespace SparseRM.Research.SaeTraining;

/// <summary>The part of a step that belongs to a latent: its gradients, Adam, its direction's norm, its encoder packed again. Panels run side by side.</summary>
internal sealed class LatentStep(SaeParameters parameters, PackedEncoder encoder, LatentLists lists, float[] batch, float[] residuals, int firstAuxiliary)
{
    // A dead latent that no loss reaches has its bias raised, and its threshold lowered, until one does; Adam makes whole steps of any slope.
    private const float RevivalSlope = 1e-3f;
    private readonly ThreadLocal<Work> _works = new(() => new Work(parameters.Depth));
    private Adam _adam, _thresholdAdam;
    private JumpReluPenalty? _penalty;
    private float _scale;
    private int _rows;
    private long _deadAfter;
    private long[] _since = [];

    /// <summary>What all latents of this step have in common.</summary>
    /// <param name="adam">The optimiser's step.</param>
    /// <param name="thresholdAdam">The same for thresholds.</param>
    /// <param name="scale">Of the loss's slope in a reconstruction, per residual.</param>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="penalty">JumpReLU's; null for the others.</param>
    /// <param name="since">Tokens since each latent was active; brought up to date.</param>
    /// <param name="deadAfter">From how many on it is dead.</param>
    public void Prepare(Adam adam, Adam thresholdAdam, float scale, int rows, JumpReluPenalty? penalty, long[] since, long deadAfter) =>
        (_adam, _thresholdAdam, _scale, _rows, _penalty, _since, _deadAfter) = (adam, thresholdAdam, scale, rows, penalty, since, deadAfter);

    /// <summary>The latents of a panel.</summary>
    public void Run(int panel)
    {
        var work = _works.Value!;
        int end = Math.Min((panel + 1) * PackedEncoder.Panel, parameters.Width);
        for (int latent = panel * PackedEncoder.Panel; latent < end; latent++) Run(latent, work);
        encoder.Pack(panel, parameters.WEnc.Values, parameters.BEnc.Values);
    }

    private void Run(int latent, Work work)
    {
        int depth = parameters.Depth, at = latent * depth;
        float threshold = parameters.Threshold.Values[latent], bias = 0, moved = 0;
        int active = 0, near = 0, count = 0;
        var entries = lists[latent];
        work.Reserve(entries.Length);
        foreach (var entry in entries)
        {
            if (_penalty is not null)
            {
                if (Math.Abs(entry.Value - threshold) < JumpReluPenalty.HalfBandwidth)
                {
                    near++;
                    moved -= entry.Slope * threshold / (2 * JumpReluPenalty.HalfBandwidth);
                }
                if (!(entry.Value > threshold)) continue;
            }
            if (entry.Residual < firstAuxiliary) active++;
            (work.Rows[count], work.Slopes[count]) = (entry.Row, entry.Slope);
            (work.Residuals[count], work.Values[count]) = (entry.Residual, entry.Value * _scale);
            bias += entry.Slope;
            count++;
        }
        bool isMute = count == 0 && _since[latent] > _deadAfter;
        if (isMute) bias -= RevivalSlope;
        Span<float> encoderGradient = work.Encoder, decoderGradient = work.Decoder;
        encoderGradient.Clear();
        decoderGradient.Clear();
        RowMath.AddRows(residuals, work.Residuals.AsSpan(0, count), work.Values.AsSpan(0, count), decoderGradient);
        RowMath.AddRows(batch, work.Rows.AsSpan(0, count), work.Slopes.AsSpan(0, count), encoderGradient);
        if (_penalty is { } penalty)
        {
            moved += penalty.ThresholdSlope(active, near);
            if (isMute) moved += RevivalSlope;
            _thresholdAdam.Step(ref parameters.Threshold.Values[latent], moved, ref parameters.Threshold.Mean[latent], ref parameters.Threshold.Square[latent]);
            parameters.Threshold.Values[latent] = Math.Max(0, parameters.Threshold.Values[latent]);
        }
        _since[latent] = active > 0 ? 0 : _since[latent] + _rows;
        var direction = parameters.WDec.Values.AsSpan(at, depth);
        // Only what turns the direction counts: its length is fixed.
        RowMath.AddScaled(-RowMath.Dot(decoderGradient, direction), direction, decoderGradient);
        _adam.Step(direction, decoderGradient, parameters.WDec.Mean.AsSpan(at, depth), parameters.WDec.Square.AsSpan(at, depth));
        SaeParameters.Normalize(direction);
        _adam.Step(parameters.WEnc.Values.AsSpan(at, depth), encoderGradient, parameters.WEnc.Mean.AsSpan(at, depth), parameters.WEnc.Square.AsSpan(at, depth));
        _adam.Step(ref parameters.BEnc.Values[latent], bias, ref parameters.BEnc.Mean[latent], ref parameters.BEnc.Square[latent]);
    }

    /// <summary>Scratch of a thread.</summary>
    private sealed class Work(int depth)
    {
        public float[] Encoder { get; } = new float[depth];
        public float[] Decoder { get; } = new float[depth];
        public int[] Rows { get; private set; } = [];
        public int[] Residuals { get; private set; } = [];
        public float[] Slopes { get; private set; } = [];
        public float[] Values { get; private set; } = [];

        public void Reserve(int count)
        {
            if (Rows.Length < count) (Rows, Residuals, Slopes, Values) = (new int[2 * count], new int[2 * count], new float[2 * count], new float[2 * count]);
        }
    }
}
