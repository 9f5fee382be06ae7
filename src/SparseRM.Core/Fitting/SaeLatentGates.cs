using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Weights;

namespace SparseRM.Fitting;

/// <summary>Cuts a few latents out of an SAE, so that their activations can be computed without it.</summary>
public static class SaeLatentGates
{
    /// <summary>The encoder rows and gates of some latents, or null where a latent's activation depends on other latents or on a run-time norm.</summary>
    /// <remarks>Streams the encoder once. With e_j = EncoderScale_j W_enc[:, j] the pre-activation is p_j = e_j · x + BEnc_j; see <see cref="LatentGates"/>.</remarks>
    public static LatentGates? Extract(SparseAutoencoder sae, IReadOnlyList<int> latents)
    {
        if (sae.InputNorm != SaeInputNorm.None || sae.Activation is SaeActivation.TopK or SaeActivation.GroupMax) return null;
        int n = latents.Count;
        float[] gateBias = new float[n], threshold = new float[n], scale = new float[n], magnitudeBias = new float[n];
        for (int i = 0; i < n; i++)
        {
            int j = latents[i];
            (gateBias[i], scale[i], magnitudeBias[i]) = (sae.BEnc[j], 1, sae.BEnc[j]);
            if (sae.Activation is SaeActivation.JumpRelu jump) threshold[i] = Math.Max(0, jump.Threshold[j]);
            if (sae.Activation is SaeActivation.Gated gated)
            {
                gateBias[i] += gated.GateBias[j];
                scale[i] = gated.MagnitudeScale[j];
                magnitudeBias[i] = sae.BEnc[j] * gated.MagnitudeScale[j] + gated.MagnitudeBias[j];
            }
        }
        return new LatentGates(sae.DIn, EncoderRows(sae, latents), gateBias, threshold, scale, magnitudeBias);
    }

    /// <summary>e_j of some latents, [n, d_in].</summary>
    private static float[] EncoderRows(SparseAutoencoder sae, IReadOnlyList<int> latents)
    {
        var rows = new float[(long)latents.Count * sae.DIn];
        var places = Enumerable.Range(0, latents.Count).ToLookup(i => (long)latents[i]);
        WeightReader.ReadRows(sae.WEnc, sae.EncoderIsTransposed ? sae.DIn : sae.DSae, (index, row) =>
        {
            if (sae.EncoderIsTransposed)
            {
                foreach (int place in places[index]) row.CopyTo(rows.AsSpan(place * sae.DIn));
                return;
            }
            for (int i = 0; i < latents.Count; i++) rows[i * sae.DIn + index] = row[latents[i]];
        });
        if (sae.EncoderScale is { } factors)
            for (int i = 0; i < latents.Count; i++)
                foreach (ref float value in rows.AsSpan(i * sae.DIn, sae.DIn)) value *= factors[latents[i]];
        return rows;
    }
}
