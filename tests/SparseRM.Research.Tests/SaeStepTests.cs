using SparseRM.Fitting;
using SparseRM.Research.SaeTraining;

namespace SparseRM.Research.Tests;

/// <summary>The arithmetic of a step, against the formulas in float64.</summary>
public sealed class SaeStepTests
{
    private const int DIn = 20, Width = 70, Rows = 45;

    public static TheoryData<SaeArchitecture> Architectures => [.. Enum.GetValues<SaeArchitecture>()];

    [Fact]
    public void The_encoders_product_is_that_of_float64_and_has_the_same_bits_in_any_row()
    {
        const int depth = 320, width = 70;
        var random = new SeededRandom(3);
        float[] weights = Gaussians(random, width * depth), bias = Gaussians(random, width), x = Gaussians(random, 16 * depth);
        x.AsSpan(0, depth).CopyTo(x.AsSpan(13 * depth));
        var encoder = new PackedEncoder(width, depth);
        for (int panel = 0; panel < encoder.Panels; panel++) encoder.Pack(panel, weights, bias);
        var p = new float[16 * encoder.PaddedWidth];
        encoder.Multiply(x, 16, p);
        for (int row = 0; row < 16; row++)
        {
            for (int j = 0; j < width; j++)
            {
                double sum = bias[j], magnitude = Math.Abs(bias[j]);
                for (int k = 0; k < depth; k++)
                {
                    sum += (double)x[(row * depth) + k] * weights[(j * depth) + k];
                    magnitude += Math.Abs((double)x[(row * depth) + k] * weights[(j * depth) + k]);
                }
                // depth additions, each rounded once: at most depth * 2^-24 of the magnitudes.
                Assert.InRange(Math.Abs(p[(row * encoder.PaddedWidth) + j] - sum), 0, depth * Math.Pow(2, -24) * magnitude);
            }
            // What fills up the last panel is never chosen.
            for (int j = width; j < encoder.PaddedWidth; j++) Assert.Equal(float.NegativeInfinity, p[(row * encoder.PaddedWidth) + j]);
        }
        Assert.Equal(p[..encoder.PaddedWidth], p[(13 * encoder.PaddedWidth)..(14 * encoder.PaddedWidth)]);
    }

    [Fact]
    public void The_greatest_are_found_and_of_equal_ones_the_first()
    {
        var random = new SeededRandom(5);
        for (int round = 0; round < 50; round++)
        {
            float[] p = new float[256], work = [];
            // Few different values, so that many are equal.
            foreach (ref float value in p.AsSpan()) value = random.NextInt(9) - 3;
            int k = 1 + random.NextInt(200);
            var tile = new SparseTile();
            tile.AddAbove(p, Math.Max(0, MathF.BitDecrement(Selection.BoundOfGreatest(p, k, ref work))));
            tile.KeepGreatest(k, ref work);
            tile.EndRow();
            int[] expected = [.. Enumerable.Range(0, p.Length).Where(i => p[i] > 0).OrderByDescending(i => p[i]).ThenBy(i => i).Take(k).Order()];
            Assert.Equal(expected, tile.Latents[..tile.Count]);
            Assert.Equal(expected.Select(i => p[i]), tile.Values[..tile.Count]);
            float[] copy = [.. p];
            Assert.Equal(p.OrderDescending().ElementAt(k - 1), Selection.KthGreatest(copy, k));
        }
    }

    /// <summary>
    /// The first step of Adam moves each parameter by the learning rate against the sign of its gradient, and its means hold the gradient itself: m = 0.1 g. So the
    /// gradients of a step can be read and compared with differences of the loss in float64 at the same active latents.
    /// </summary>
    [Theory, MemberData(nameof(Architectures))]
    public void Gradients_are_those_of_the_loss(SaeArchitecture architecture)
    {
        var options = Options(architecture) with { Active = 6 };
        var parameters = new SaeParameters(Width, DIn);
        parameters.Initialize(1);
        var random = new SeededRandom(8);
        for (int j = 0; j < Width; j++)
        {
            // Encoder and decoder apart, so that a mistaken role shows.
            for (int i = 0; i < DIn; i++) parameters.WEnc.Values[(j * parameters.Depth) + i] += 0.2f * (float)random.NextGaussian();
            parameters.BEnc.Values[j] = 0.1f * (float)random.NextGaussian();
        }
        for (int i = 0; i < DIn; i++) parameters.BDec.Values[i] = 0.3f * (float)random.NextGaussian();
        var before = new Snapshot(parameters);
        var trainer = new SaeTrainer(options, parameters);
        FillBatch(trainer, parameters, random);
        // In the middle of training: no warm-up of JumpReLU's penalty.
        trainer.Step(Rows, 0.5);
        var reference = new ReferenceLoss(before, trainer.Batch, parameters.Depth, options,
            architecture == SaeArchitecture.JumpRelu ? before.FirstThreshold(trainer.Batch, parameters.Depth, options) : null);
        foreach (int j in (int[])[0, 1, 5, 9, 33, 69])
        {
            AssertGradient(parameters.BEnc.Mean[j], reference.Slope(p => p.BEnc, j), $"b_enc {j}");
            foreach (int i in (int[])[0, 7, 19])
            {
                AssertGradient(parameters.WEnc.Mean[(j * parameters.Depth) + i], reference.Slope(p => p.WEnc, (j * DIn) + i), $"W_enc {j},{i}");
                AssertGradient(parameters.WDec.Mean[(j * parameters.Depth) + i], reference.SlopeAcross(j, i), $"W_dec {j},{i}");
            }
            double norm = 0;
            for (int i = 0; i < DIn; i++) norm += Math.Pow(parameters.WDec.Values[(j * parameters.Depth) + i], 2);
            Assert.Equal(1, norm, 5);
        }
        foreach (int i in (int[])[0, 7, 19]) AssertGradient(parameters.BDec.Mean[i], reference.Slope(p => p.BDec, i), $"b_dec {i}");
    }

    /// <summary>At 8192 = 2^13 the power of beta that is left is no longer a float64 above 0.</summary>
    [Theory, InlineData(1), InlineData(2), InlineData(1000), InlineData(8192), InlineData(1 << 20)]
    public void Adam_moves_by_the_learning_rate_where_the_slope_never_changes(long step)
    {
        float[] p = new float[17], m = new float[17], v = new float[17], g = [.. Enumerable.Repeat(0.5f, 17)];
        // What the means are after so many steps of one slope.
        Array.Fill(m, (float)(0.5 * (1 - Math.Pow(0.9, step - 1))));
        Array.Fill(v, (float)(0.25 * (1 - Math.Pow(0.999, step - 1))));
        new Adam(step, 0.01).Step(p, g, m, v);
        Assert.All(p, value => Assert.Equal(-0.01, value, 5));
    }

    [Fact]
    public void Dead_latents_are_revived()
    {
        foreach (var architecture in (SaeArchitecture[])[SaeArchitecture.TopK, SaeArchitecture.BatchTopK, SaeArchitecture.JumpRelu])
        {
            var options = Options(architecture) with { Active = 4, Tokens = 400 * Rows, BatchTokens = Rows };
            var parameters = new SaeParameters(Width, DIn);
            parameters.Initialize(1);
            // Half of the latents can never be among the greatest, nor above the threshold.
            for (int j = 0; j < Width; j += 2) parameters.BEnc.Values[j] = -4;
            var trainer = new SaeTrainer(options, parameters);
            var random = new SeededRandom(8);
            int steps = 400;
            for (int step = 0; step < steps; step++)
            {
                FillBatch(trainer, parameters, random);
                trainer.Step(Rows, step / (double)steps);
                if (step == 50) Assert.True(trainer.Since.Count(since => since > trainer.DeadAfter) > Width / 3, $"{architecture}: nothing is dead that could be revived");
            }
            Assert.InRange(trainer.Since.Count(since => since > trainer.DeadAfter), 0, Width / 5);
        }
    }

    private static SaeTrainingOptions Options(SaeArchitecture architecture) =>
        new() { Architecture = architecture, Width = Width, Active = 6, Tokens = 100 * Rows, BatchTokens = Rows, Threads = 2, LearningRate = 0.01 };

    private static void AssertGradient(float mean, double expected, string what)
    {
        double found = mean / 0.1;
        Assert.True(Math.Abs(found - expected) <= 2e-3 * Math.Max(Math.Abs(expected), 0.01), $"{what}: {found}, expected {expected}");
    }

    private static void FillBatch(SaeTrainer trainer, SaeParameters parameters, SeededRandom random)
    {
        for (int row = 0; row < Rows; row++)
            for (int i = 0; i < DIn; i++) trainer.Batch[(row * parameters.Depth) + i] = (float)random.NextGaussian();
    }

    private static float[] Gaussians(SeededRandom random, int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.NextGaussian())];

    /// <summary>Parameters in float64, without padding.</summary>
    private sealed class Snapshot(SaeParameters parameters)
    {
        public double[] WEnc { get; } = Unpadded(parameters.WEnc.Values, parameters.Depth);
        public double[] WDec { get; } = Unpadded(parameters.WDec.Values, parameters.Depth);
        public double[] BEnc { get; } = Array.ConvertAll(parameters.BEnc.Values, value => (double)value);
        public double[] BDec { get; } = [.. parameters.BDec.Values.Take(DIn).Select(value => (double)value)];

        public double Encode(ReadOnlySpan<float> x, int j)
        {
            double sum = BEnc[j];
            for (int i = 0; i < DIn; i++) sum += WEnc[(j * DIn) + i] * x[i];
            return sum;
        }

        /// <summary>JumpReLU begins with the threshold at which L0 is twice its target.</summary>
        public double FirstThreshold(float[] batch, int depth, SaeTrainingOptions options) =>
            Enumerable.Range(0, Rows).SelectMany(row => Enumerable.Range(0, Width).Select(j =>
                Encode(batch.AsSpan(row * depth, depth), j))).OrderDescending().ElementAt((int)(2 * options.Active * Rows) - 1);

        private static double[] Unpadded(float[] values, int depth) => [.. Enumerable.Range(0, Width * DIn).Select(i => (double)values[(i / DIn * depth) + (i % DIn)])];
    }

    /// <summary>The loss in float64, with the active latents that the parameters had before they were moved.</summary>
    private sealed class ReferenceLoss
    {
        private readonly Snapshot _parameters;
        private readonly float[] _batch;
        private readonly int _depth;
        private readonly int[] _ends;
        private readonly HashSet<int>[] _active;

        public ReferenceLoss(Snapshot parameters, float[] batch, int depth, SaeTrainingOptions options, double? threshold)
        {
            (_parameters, _batch, _depth) = (parameters, batch, depth);
            _ends = options.Architecture == SaeArchitecture.Matryoshka ? [.. new[] { 1, 3, 7, 15, 32 }.Select(share => Width * share / 32)] : [Width];
            var all = Enumerable.Range(0, Rows).SelectMany(row => Enumerable.Range(0, Width).Select(j => (row, j, p: parameters.Encode(X(row), j)))).Where(entry => entry.p > 0).ToArray();
            var chosen = options.Architecture switch
            {
                SaeArchitecture.TopK => all.GroupBy(entry => entry.row).SelectMany(row => row.OrderByDescending(entry => entry.p).Take((int)options.Active)),
                // The threshold itself is the least pre-activation that was to be active; strictly above are the others.
                SaeArchitecture.JumpRelu => all.Where(entry => entry.p > threshold!.Value + 1e-6),
                _ => all.OrderByDescending(entry => entry.p).Take((int)options.Active * Rows),
            };
            _active = [.. Enumerable.Range(0, Rows).Select(_ => new HashSet<int>())];
            foreach (var (row, j, _) in chosen) _active[row].Add(j);
        }

        public double Slope(Func<Snapshot, double[]> part, int index)
        {
            const double step = 1e-5;
            double[] values = part(_parameters);
            double old = values[index];
            values[index] = old + step;
            double above = Loss();
            values[index] = old - step;
            double below = Loss();
            values[index] = old;
            return (above - below) / (2 * step);
        }

        /// <summary>Of W_dec without what lies along the row.</summary>
        public double SlopeAcross(int j, int i)
        {
            double[] slopes = [.. Enumerable.Range(0, DIn).Select(k => Slope(p => p.WDec, (j * DIn) + k))];
            double along = Enumerable.Range(0, DIn).Sum(k => slopes[k] * _parameters.WDec[(j * DIn) + k]);
            return slopes[i] - (along * _parameters.WDec[(j * DIn) + i]);
        }

        private ReadOnlySpan<float> X(int row) => _batch.AsSpan(row * _depth, _depth);

        private double Loss()
        {
            double loss = 0;
            for (int row = 0; row < Rows; row++)
            {
                foreach (int end in _ends)
                {
                    double[] gap = [.. _parameters.BDec];
                    for (int i = 0; i < DIn; i++) gap[i] -= X(row)[i];
                    foreach (int j in _active[row].Where(j => j < end))
                    {
                        double p = _parameters.Encode(X(row), j);
                        for (int i = 0; i < DIn; i++) gap[i] += p * _parameters.WDec[(j * DIn) + i];
                    }
                    loss += gap.Sum(value => value * value) / _ends.Length;
                }
            }
            return loss / Rows;
        }
    }
}
