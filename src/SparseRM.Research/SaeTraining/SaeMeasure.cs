using SparseRM.Sae;

namespace SparseRM.Research.SaeTraining;

/// <summary>How well an SAE stands for the states of some tokens.</summary>
/// <param name="Fvu">Fraction of variance unexplained: sum |x - recon|^2 / sum |x - mean|^2, the mean being that of these tokens.</param>
/// <param name="L0">Active latents of a token on average.</param>
/// <param name="Dead">Latents that are active on none of these tokens.</param>
/// <param name="Tokens">Tokens.</param>
/// <param name="Loss">What the language model loses with it; null where that could not be measured.</param>
/// <param name="NoLoss">Why there is no <paramref name="Loss"/>, as a clause; empty where there is one.</param>
public sealed record SaeMeasure(double Fvu, double L0, int Dead, int Tokens, SplicedLoss? Loss = null, string NoLoss = "")
{
    private const int BlockRows = 2048;

    /// <summary>Measures an SAE as its file has it. Sums in float64. Cancelling is heard between blocks.</summary>
    internal static SaeMeasure Of(SparseAutoencoder sae, StateBuffer states, Backbone backbone, CancellationToken cancel = default)
    {
        int dIn = sae.DIn;
        SaeEncoder? encoder = null;
        var (seen, mean) = (new bool[sae.DSae], new double[dIn]);
        for (int row = 0; row < states.Rows; row++)
            for (int i = 0; i < dIn; i++) mean[i] += states[row][i] / (double)states.Rows;
        double residual = 0, total = 0;
        long active = 0;
        try
        {
            for (int start = 0; start < states.Rows; start += BlockRows)
            {
                cancel.ThrowIfCancellationRequested();
                int rows = Math.Min(BlockRows, states.Rows - start);
                var x = new float[rows * dIn];
                for (int row = 0; row < rows; row++) states[start + row].CopyTo(x.AsSpan(row * dIn));
                var latents = new List<(int[] Ids, float[] Values)>(rows);
                // A turn a block: others use the model meanwhile.
                backbone.Engine.Use(() => (encoder ??= new SaeEncoder(backbone.Backend, sae)).Encode(x, (_, ids, values) => latents.Add((ids.ToArray(), values.ToArray()))));
                float[] recon = SaeDecoder.Reconstruct(sae, x, latents);
                for (int i = 0; i < x.Length; i++)
                {
                    double gap = x[i] - (double)recon[i], spread = x[i] - mean[i % dIn];
                    (residual, total) = (residual + (gap * gap), total + (spread * spread));
                }
                foreach (var (ids, _) in latents)
                {
                    active += ids.Length;
                    foreach (int id in ids) seen[id] = true;
                }
            }
        }
        finally
        {
            backbone.Engine.Use(() => encoder?.Dispose());
        }
        return new SaeMeasure(residual / total, active / (double)states.Rows, seen.Count(found => !found), states.Rows);
    }
}
