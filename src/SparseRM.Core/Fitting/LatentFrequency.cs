namespace SparseRM.Fitting;

/// <summary>Counts in how many chosen and rejected samples each latent is active: exact integers, O(d_sae) memory whatever the number of samples.</summary>
/// <remarks>
/// The method's mu_w[j] and mu_l[j] are these counts over the number of samples (arXiv 2511.07896, activation frequency analysis).
/// Not thread-safe: feed the samples from one thread, in any order.
/// </remarks>
public sealed class LatentFrequency
{
    private readonly int[] _chosen;
    private readonly int[] _rejected;
    private readonly int[] _lastSample;
    private int _sample;

    /// <summary>Counters for an SAE of <paramref name="dSae"/> latents, all zero.</summary>
    public LatentFrequency(int dSae)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dSae);
        (_chosen, _rejected, _lastSample) = (new int[dSae], new int[dSae], new int[dSae]);
    }

    /// <summary>Number of latents.</summary>
    public int DSae => _chosen.Length;

    /// <summary>Chosen samples added so far.</summary>
    public int ChosenSamples { get; private set; }

    /// <summary>Rejected samples added so far.</summary>
    public int RejectedSamples { get; private set; }

    /// <summary>[d_sae]: chosen samples in which the latent is active.</summary>
    public ReadOnlySpan<int> ChosenCounts => _chosen;

    /// <summary>[d_sae]: rejected samples in which the latent is active.</summary>
    public ReadOnlySpan<int> RejectedCounts => _rejected;

    /// <summary>Adds one sample: the ids of its latents with f_j &gt; 0, in any order, each once.</summary>
    /// <exception cref="ArgumentException">An id is out of range or given twice; then nothing of the sample is counted.</exception>
    public void Add(bool chosen, ReadOnlySpan<int> activeLatents)
    {
        _sample = checked(_sample + 1);
        foreach (int latent in activeLatents)
        {
            if ((uint)latent >= (uint)DSae) throw new ArgumentException($"latent {latent} is not in 0..{DSae - 1}", nameof(activeLatents));
            if (_lastSample[latent] == _sample) throw new ArgumentException($"latent {latent} is given twice", nameof(activeLatents));
            _lastSample[latent] = _sample;
        }
        int[] counts = chosen ? _chosen : _rejected;
        foreach (int latent in activeLatents) counts[latent]++;
        if (chosen) ChosenSamples++;
        else RejectedSamples++;
    }

    /// <summary>Adds samples that were counted elsewhere.</summary>
    /// <param name="counts">[2, d_sae]: in how many of the chosen and of the rejected samples each latent is active; integers.</param>
    /// <param name="chosenSamples">How many chosen samples those are.</param>
    /// <param name="rejectedSamples">How many rejected ones.</param>
    /// <exception cref="ArgumentException">The counts have another width, or one exceeds its samples.</exception>
    public void Add(ReadOnlySpan<float> counts, int chosenSamples, int rejectedSamples)
    {
        if (counts.Length != 2L * DSae) throw new ArgumentException($"{counts.Length} counts for the two sides of {DSae} latents", nameof(counts));
        for (int i = 0; i < counts.Length; i++)
        {
            int samples = i < DSae ? chosenSamples : rejectedSamples;
            if (!(counts[i] >= 0 && counts[i] <= samples)) throw new ArgumentException($"latent {i % DSae} is active in {counts[i]} of {samples} samples", nameof(counts));
        }
        for (int j = 0; j < DSae; j++)
        {
            _chosen[j] = checked(_chosen[j] + (int)counts[j]);
            _rejected[j] = checked(_rejected[j] + (int)counts[DSae + j]);
        }
        ChosenSamples += chosenSamples;
        RejectedSamples += rejectedSamples;
    }
}
