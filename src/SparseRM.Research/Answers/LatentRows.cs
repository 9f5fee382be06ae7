using SparseRM.Fitting;
using SparseRM.Sae;

namespace SparseRM.Research.Answers;

/// <summary>The active latents of some states, encoded once.</summary>
internal sealed class LatentRows
{
    private const int BlockRows = 512;
    private readonly (int[] Ids, float[] Activations)[] _rows;

    private LatentRows(int dSae, (int[], float[])[] rows) => (DSae, _rows) = (dSae, rows);

    /// <summary>Number of latents of the SAE.</summary>
    public int DSae { get; }

    /// <summary>Those that a trainer has of states that are in memory.</summary>
    public static LatentRows Of(RewardTrainer trainer, PreferenceStates states, IProgress<WorkProgress>? progress, CancellationToken cancel) =>
        new(trainer.Sae!.DSae, trainer.Latents(states, progress, cancel));

    /// <summary>Encodes states where the model runs.</summary>
    /// <param name="backbone">Has the backend.</param>
    /// <param name="sae">The SAE.</param>
    /// <param name="states">[n, d_model].</param>
    /// <param name="cancel">Checked between blocks.</param>
    public static LatentRows Of(Backbone backbone, SparseAutoencoder sae, ReadOnlyMemory<float> states, CancellationToken cancel = default)
    {
        var rows = new (int[], float[])[states.Length / sae.DIn];
        backbone.Engine.Use(() =>
        {
            using var encoder = new SaeEncoder(backbone.Backend, sae);
            for (int start = 0; start < rows.Length; start += BlockRows)
            {
                cancel.ThrowIfCancellationRequested();
                int first = start, count = Math.Min(BlockRows, rows.Length - start);
                encoder.Encode(states.Span.Slice(first * sae.DIn, count * sae.DIn), (row, latents, values) =>
                    rows[first + row] = (latents.ToArray(), values.ToArray()));
            }
        });
        return new LatentRows(sae.DSae, rows);
    }

    /// <summary>How often each latent is active on either side of some pairs.</summary>
    public LatentFrequency Frequency(ReadOnlySpan<AnswerPair> pairs)
    {
        var frequency = new LatentFrequency(DSae);
        foreach (var pair in pairs)
        {
            frequency.Add(true, _rows[pair.Chosen].Ids);
            frequency.Add(false, _rows[pair.Rejected].Ids);
        }
        return frequency;
    }

    /// <summary>The active latents of a row.</summary>
    public ReadOnlySpan<int> Active(int row) => _rows[row].Ids;

    /// <summary>The activations of some latents in a row, 0 for those that are not active.</summary>
    /// <param name="row">The state.</param>
    /// <param name="latents">Ids.</param>
    /// <param name="target">One value a latent.</param>
    public void Gather(int row, ReadOnlySpan<int> latents, Span<float> target)
    {
        for (int j = 0; j < latents.Length; j++)
        {
            int at = Array.IndexOf(_rows[row].Ids, latents[j]);
            target[j] = at < 0 ? 0 : _rows[row].Activations[at];
        }
    }
}
