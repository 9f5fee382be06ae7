using SparseRM.Research.Baselines;
using SparseRM.Sae;

namespace SparseRM.Research.Latents;

/// <summary>Another latent whose decoder row points nearly the same way.</summary>
/// <param name="Latent">Its id.</param>
/// <param name="Cosine">Cosine of the two decoder rows.</param>
public readonly record struct NearLatent(int Latent, double Cosine);

/// <summary>Finds latents with similar decoder rows, in one pass over the decoder.</summary>
internal static class NearestLatents
{
    private const long BlockBytes = 64 << 20;

    /// <summary>For each latent those of the SAE whose decoder rows have the largest cosine with its own; sums in float64, the same on any number of threads.</summary>
    /// <param name="sae">Has the decoder.</param>
    /// <param name="latents">Ids.</param>
    /// <param name="count">Neighbours of each.</param>
    /// <param name="cancel">Checked between blocks.</param>
    public static NearLatent[][] Of(SparseAutoencoder sae, int[] latents, int count, CancellationToken cancel)
    {
        int width = sae.DIn, block = (int)Math.Clamp(BlockBytes / (width * sizeof(float)), 1, sae.DSae);
        double[] own = Unit(sae.ReadDirections(latents), width);
        var top = new PriorityQueue<NearLatent, (double, int)>[latents.Length];
        for (int i = 0; i < top.Length; i++) top[i] = new();
        for (int start = 0; start < sae.DSae; start += block)
        {
            cancel.ThrowIfCancellationRequested();
            int first = start;
            double[] rows = Unit(sae.ReadDirections([.. Enumerable.Range(start, Math.Min(block, sae.DSae - start))]), width);
            Parallel.For(0, latents.Length, i =>
            {
                for (int row = 0; row < rows.Length / width; row++)
                {
                    int latent = first + row;
                    if (latent == latents[i]) continue;
                    double cosine = Vectors.Dot(own.AsSpan(i * width, width), rows.AsSpan(row * width, width));
                    if (top[i].Count < count) top[i].Enqueue(new NearLatent(latent, cosine), (cosine, -latent));
                    else top[i].EnqueueDequeue(new NearLatent(latent, cosine), (cosine, -latent));
                }
            });
        }
        return [.. top.Select(queue => queue.UnorderedItems.Select(item => item.Element).OrderByDescending(near => near.Cosine).ThenBy(near => near.Latent).ToArray())];
    }

    // Rows of length 1; a row of zeros stays.
    private static double[] Unit(float[] rows, int width)
    {
        var unit = new double[rows.Length];
        for (int start = 0; start < rows.Length; start += width)
        {
            double length = 0;
            for (int i = start; i < start + width; i++) length += (double)rows[i] * rows[i];
            if (length == 0) continue;
            for (int i = start; i < start + width; i++) unit[i] = rows[i] / Math.Sqrt(length);
        }
        return unit;
    }
}
