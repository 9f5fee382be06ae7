using SparseRM.Errors;
using SparseRM.Scoring;

namespace SparseRM.Fitting;

/// <summary>Makes the head's input of each kind: the paper's method and its ablations.</summary>
public static class HeadInputs
{
    /// <summary>The method: the chosen latents' decoder rows, positive ones first, each as the SAE has it (no centring, no scaling).</summary>
    /// <param name="selection">The latents.</param>
    /// <param name="dModel">Width of z.</param>
    /// <param name="directions">Their decoder rows, [n, d_model], in the order of <see cref="LatentSelection.All"/>.</param>
    public static HeadInput Projection(LatentSelection selection, int dModel, float[] directions) =>
        new(HeadInputKind.Projection, dModel, directions, selection.All, gates: null);

    /// <summary>Ablation: the chosen latents' activations.</summary>
    /// <param name="selection">The latents.</param>
    /// <param name="dModel">Width of z.</param>
    /// <param name="gates">Their encoder, in the order of <see cref="LatentSelection.All"/>; null for an SAE whose latents depend on each other.</param>
    public static HeadInput Activations(LatentSelection selection, int dModel, LatentGates? gates)
        => new(HeadInputKind.Activations, dModel, directions: null, selection.All, gates);

    /// <summary>Ablation: z itself.</summary>
    public static HeadInput Dense(int dModel) => new(HeadInputKind.Dense, dModel, directions: null, [], gates: null);

    /// <summary>Ablation: 2K random unit directions, uniform on the sphere (normalised Gaussian vectors), the same for a seed.</summary>
    /// <exception cref="SparseRMException">K is not positive or the directions would not fit into memory.</exception>
    public static HeadInput Random(int k, int dModel, long seed)
    {
        if (k <= 0 || 2L * k * dModel > 1 << 29) throw new SparseRMException($"2K = {2L * k} random directions of width {dModel} cannot be made; use a K of at least 1 that fits into memory.");
        var random = new SeededRandom(seed, stream: -1);
        var directions = new float[2 * k * dModel];
        var direction = new double[dModel];
        for (int j = 0; j < 2 * k; j++)
        {
            for (int i = 0; i < dModel; i++) direction[i] = random.NextGaussian();
            double norm = Math.Sqrt(direction.Sum(x => x * x));
            for (int i = 0; i < dModel; i++) directions[(j * dModel) + i] = (float)(direction[i] / norm);
        }
        return new HeadInput(HeadInputKind.Random, dModel, directions, [], gates: null);
    }

    /// <summary>v of every row of hidden states [n, d_model], as rows [n, Count]; rows in parallel, with the same result on any number of threads.</summary>
    /// <exception cref="SparseRMException">A hidden state is not finite, or the input needs the SAE.</exception>
    public static float[] ComputeRows(this HeadInput input, ReadOnlyMemory<float> states, int threads = 0)
    {
        if (states.Length % input.DModel != 0) throw new ArgumentException($"{states.Length} values are not rows of {input.DModel}", nameof(states));
        int rows = states.Length / input.DModel;
        var values = new float[checked(rows * input.Count)];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = threads <= 0 ? Environment.ProcessorCount : threads };
        try
        {
            Parallel.For(0, rows, parallel,
                row => input.Compute(states.Span.Slice(row * input.DModel, input.DModel), values.AsSpan(row * input.Count, input.Count)));
        }
        catch (AggregateException error) when (error.InnerExceptions[0] is SparseRMException first)
        {
            throw first;
        }
        return values;
    }
}
