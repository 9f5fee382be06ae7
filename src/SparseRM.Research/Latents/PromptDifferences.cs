using SparseRM.Fitting;
using SparseRM.Research.Answers;
using SparseRM.Scoring;

namespace SparseRM.Research.Latents;

/// <summary>By prompt, in how many preferred and rejected answers of its pairs each latent is active: what tests and bootstrap samples are made of.</summary>
internal sealed class PromptDifferences
{
    private readonly (int Latent, int Chosen, int Rejected)[][] _prompts;
    private readonly int[] _pairs;
    private readonly int _dSae;

    /// <summary>Counts.</summary>
    /// <param name="answers">Answers whose latents are read.</param>
    public PromptDifferences(AnswerSet answers)
    {
        var latents = answers.Latents!;
        _dSae = latents.DSae;
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        var counts = new List<Dictionary<int, (int Chosen, int Rejected)>>();
        var pairs = new List<int>();
        for (int i = 0; i < answers.Pairs.Length; i++)
        {
            if (!places.TryGetValue(answers.Groups[i], out int place))
            {
                places.Add(answers.Groups[i], place = counts.Count);
                counts.Add([]);
                pairs.Add(0);
            }
            pairs[place]++;
            Add(counts[place], latents.Active(answers.Pairs[i].Chosen), 1, 0);
            Add(counts[place], latents.Active(answers.Pairs[i].Rejected), 0, 1);
        }
        _prompts = [.. counts.Select(prompt => prompt.OrderBy(latent => latent.Key).Select(latent => (latent.Key, latent.Value.Chosen, latent.Value.Rejected)).ToArray())];
        _pairs = [.. pairs];
    }

    /// <summary>Number of prompts.</summary>
    public int Prompts => _pairs.Length;

    /// <summary>For every latent of the SAE the exact p-value of its difference, the sides of each prompt being exchanged; see <see cref="SignFlip"/>.</summary>
    public double[] PValues()
    {
        var ones = new int[_dSae];
        var totals = new long[_dSae];
        var larger = new List<int>?[_dSae];
        foreach (var (latent, chosen, rejected) in _prompts.SelectMany(prompt => prompt))
        {
            int difference = chosen - rejected;
            totals[latent] += difference;
            if (Math.Abs(difference) == 1) ones[latent]++;
            else if (difference != 0) (larger[latent] ??= []).Add(Math.Abs(difference));
        }
        var p = new double[_dSae];
        Parallel.For(0, _dSae, latent => p[latent] = SignFlip.P(ones[latent], larger[latent] ?? [], totals[latent]));
        return p;
    }

    /// <summary>In which share of bootstrap samples of prompts each of some latents is chosen again on its side.</summary>
    /// <param name="latents">The latents.</param>
    /// <param name="k">Latents a side.</param>
    /// <param name="samples">Number of samples.</param>
    /// <param name="seed">Of the samples; each has its own stream, so that threads change nothing.</param>
    /// <param name="cancel">Checked between samples.</param>
    public double[] Stability(IReadOnlyList<DirectionLatent> latents, int k, int samples, long seed, CancellationToken cancel)
    {
        var found = new HashSet<(int, int)>[samples];
        Parallel.For(0, samples, new ParallelOptions { CancellationToken = cancel }, sample =>
        {
            var random = new SeededRandom(seed, sample + 1);
            var counts = new float[2 * _dSae];
            int pairs = 0;
            for (int i = 0; i < Prompts; i++)
            {
                int prompt = random.NextInt(Prompts);
                pairs += _pairs[prompt];
                foreach (var (latent, chosen, rejected) in _prompts[prompt])
                {
                    counts[latent] += chosen;
                    counts[_dSae + latent] += rejected;
                }
            }
            var frequency = new LatentFrequency(_dSae);
            frequency.Add(counts, pairs, pairs);
            found[sample] = Separates(frequency) ? [.. DirectionSelector.Select(frequency, k).All.Select(latent => (latent.Latent, latent.Sign))] : [];
        });
        return [.. latents.Select(latent => (double)found.Count(sample => sample.Contains((latent.Latent, latent.Sign))) / samples)];
    }

    private static void Add(Dictionary<int, (int Chosen, int Rejected)> counts, ReadOnlySpan<int> active, int chosen, int rejected)
    {
        foreach (int latent in active)
        {
            var before = counts.GetValueOrDefault(latent);
            counts[latent] = (before.Chosen + chosen, before.Rejected + rejected);
        }
    }

    private static bool Separates(LatentFrequency frequency) => !frequency.ChosenCounts.SequenceEqual(frequency.RejectedCounts);
}
