namespace SparseRM.Sae;

/// <summary>Reconstructions from sparse activations: recon = undo_norm(sum of a_j d_j + BDec), sums in float64.</summary>
public static class SaeDecoder
{
    private const int MaxFloats = 1 << 26;

    /// <summary>Reconstructs rows; directions are read from the file, those of active latents only.</summary>
    /// <param name="sae">The SAE.</param>
    /// <param name="x">The rows that were encoded, [n, d_in]: their norms are undone.</param>
    /// <param name="latents">Active latents of each row.</param>
    /// <returns>[n, d_in]</returns>
    public static float[] Reconstruct(SparseAutoencoder sae, ReadOnlySpan<float> x, IReadOnlyList<(int[] Ids, float[] Values)> latents)
    {
        int dIn = sae.DIn;
        var sums = new double[(long)latents.Count * dIn];
        int[] active = [.. latents.SelectMany(row => row.Ids).Distinct().Order()];
        foreach (int[] part in active.Chunk(Math.Max(1, MaxFloats / dIn)))
        {
            var directions = sae.ReadDirections(part);
            for (int row = 0; row < latents.Count; row++)
            {
                var (ids, values) = latents[row];
                for (int i = 0; i < ids.Length; i++)
                {
                    int place = Array.BinarySearch(part, ids[i]);
                    if (place < 0) continue;
                    for (int j = 0; j < dIn; j++) sums[(long)row * dIn + j] += (double)values[i] * directions[place * dIn + j];
                }
            }
        }
        var recon = new float[sums.Length];
        var input = new float[dIn];
        for (int row = 0; row < latents.Count; row++)
        {
            var y = recon.AsSpan(checked(row * dIn), dIn);
            for (int j = 0; j < dIn; j++) y[j] = (float)(sums[(long)row * dIn + j] + sae.BDec[j]);
            x.Slice(row * dIn, dIn).CopyTo(input);
            SaeNorm.Undo(SaeNorm.Apply(sae.InputNorm, input), y);
        }
        return recon;
    }
}
