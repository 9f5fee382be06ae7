using SparseRM.Backends;
using SparseRM.Sae;
using SparseRM.Tensors;

namespace SparseRM.Fitting;

/// <summary>Counts active latents on a backend and hands them to a <see cref="LatentFrequency"/>: no latents come to the host. Not thread-safe.</summary>
internal sealed class LatentCounter : IDisposable
{
    // Counts are F32 there: exact integers below 2^24.
    private const long MostSamples = 1 << 23;

    private readonly Backend _backend;
    private readonly SaeEncoder _encoder;
    private readonly LatentFrequency _frequency;
    private readonly Tensor _counts;
    private readonly float[] _host;
    private int _chosen, _rejected;

    /// <summary>Starts with nothing counted.</summary>
    /// <param name="backend">Where the encoder is.</param>
    /// <param name="encoder">The SAE.</param>
    /// <param name="frequency">What <see cref="Flush"/> adds to.</param>
    public LatentCounter(Backend backend, SaeEncoder encoder, LatentFrequency frequency)
    {
        int dSae = encoder.Sae.DSae;
        (_backend, _encoder, _frequency, _host) = (backend, encoder, frequency, new float[2L * dSae]);
        _counts = new Tensor(backend.Allocate(2L * dSae), 0, 2, dSae, dSae);
        try
        {
            backend.Upload(_host, _counts);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Counts the active latents of raw residual states.</summary>
    /// <param name="states">[n, d_in], on the backend.</param>
    /// <param name="times">[n, 2]: how often a state counts as a chosen and as a rejected sample.</param>
    /// <exception cref="ArgumentException">The states count so often together that the counts would not be exact.</exception>
    /// <remarks>After an error nothing that was counted can be used.</remarks>
    public void Add(Tensor states, ReadOnlySpan<int> times)
    {
        long chosen = 0, rejected = 0;
        for (int i = 0; i < times.Length; i += 2) (chosen, rejected) = (chosen + times[i], rejected + times[i + 1]);
        if (chosen > MostSamples || rejected > MostSamples)
            throw new ArgumentException($"{chosen} and {rejected} samples at once, at most {MostSamples} are counted exactly", nameof(times));
        if (_chosen + chosen > MostSamples || _rejected + rejected > MostSamples) Flush();
        _encoder.Count(states, times, _counts);
        _chosen += checked((int)chosen);
        _rejected += checked((int)rejected);
    }

    /// <summary>Waits, and adds what was counted since the last time.</summary>
    public void Flush()
    {
        _backend.Download(_counts, _host);
        _frequency.Add(_host, _chosen, _rejected);
        Array.Clear(_host);
        _backend.Upload(_host, _counts);
        (_chosen, _rejected) = (0, 0);
    }

    /// <inheritdoc/>
    public void Dispose() => _counts.Buffer.Dispose();
}
