using SparseRM.Fitting;
using SparseRM.Sae;

namespace SparseRM.Research.Answers;

/// <summary>The active latents of some states, encoded once.</summary>
internal sealed class LatentRows
{
    private const int BlockRows = 512;
    private readonly int[][] _ids;
    private readonly float[][] _activations;

    private LatentRows(int dSae, int[][] ids, float[][] activations) => (DSae, _ids, _activations) = (dSae, ids, activations);

    /// <summary>Number of latents of the SAE.</summary>
    public int DSae { get; }

    /// <summary>Encodes states where the model runs.</summary>
    /// <param name="backbone">Has the backend.</param>
    /// <param name="sae">The SAE.</param>
    /// <param name="states">[n, d_model].</param>
    /// <param name="cancel">Checked between blocks.</param>
    public static LatentRows Of(Backbone backbone, SparseAutoencoder sae, ReadOnlyMemory<float> states, CancellationToken cancel = default)
    {
        int rows = states.Length / sae.DIn;
        var ids = new int[rows][];
        var activations = new float[rows][];
        backbone.Engine.Use(() =>
        {
            using var encoder = new SaeEncoder(backbone.Backend, sae);
            for (int start = 0; start < rows; start += BlockRows)
            {
                cancel.ThrowIfCancellationRequested();
                int first = start, count = Math.Min(BlockRows, rows - start);
                encoder.Encode(states.Span.Slice(first * sae.DIn, count * sae.DIn), (row, latents, values) =>
                    (ids[first + row], activations[first + row]) = (latents.ToArray(), values.ToArray()));
            }
        });
        return new LatentRows(sae.DSae, ids, activations);
    }

    /// <summary>How often each latent is active on either side of some pairs.</summary>
    public LatentFrequency Frequency(ReadOnlySpan<AnswerPair> pairs)
    {
        var frequency = new LatentFrequency(DSae);
        foreach (var pair in pairs)
        {
            frequency.Add(true, _ids[pair.Chosen]);
            frequency.Add(false, _ids[pair.Rejected]);
        }
        return frequency;
    }

    /// <summary>The active latents of a row.</summary>
    public ReadOnlySpan<int> Active(int row) => _ids[row];

    /// <summary>The activations of some latents in a row, 0 for those that are not active.</summary>
    /// <param name="row">The state.</param>
    /// <param name="latents">Ids.</param>
    /// <param name="target">One value a latent.</param>
    public void Gather(int row, ReadOnlySpan<int> latents, Span<float> target)
    {
        for (int j = 0; j < latents.Length; j++)
        {
            int at = Array.IndexOf(_ids[row], latents[j]);
            target[j] = at < 0 ? 0 : _activations[row][at];
        }
    }
}
