namespace SparseRM.Sae;

/// <summary>Turns pre-activations into sparse activations, exactly: the plain twin that every backend's fused gate must equal.</summary>
public static class SaeGate
{
    /// <summary>The most latents that one row can have active.</summary>
    public static int Capacity(SaeActivation activation, int dSae) => activation switch
    {
        SaeActivation.TopK top => Math.Min(top.K, dSae),
        SaeActivation.GroupMax group => Math.Min(group.K, dSae),
        _ => dSae,
    };

    /// <summary>Applies the formula of <paramref name="activation"/> to one row; active latents have values above 0.</summary>
    /// <param name="activation">The gate.</param>
    /// <param name="pre">p [d_sae]. A NaN is never active.</param>
    /// <param name="indices">Receives the active latents in ascending order; holds at least <see cref="Capacity"/>.</param>
    /// <param name="values">Receives their activations.</param>
    /// <returns>How many are active.</returns>
    public static int Apply(SaeActivation activation, ReadOnlySpan<float> pre, Span<int> indices, Span<float> values) => activation switch
    {
        SaeActivation.Relu => Relu(pre, indices, values),
        SaeActivation.JumpRelu jump => JumpRelu(jump.Threshold, pre, indices, values),
        SaeActivation.TopK top => TopK(top.K, pre, indices, values),
        SaeActivation.GroupMax group => GroupMax(group.K, pre, indices, values),
        SaeActivation.Gated gated => Gated(gated, pre, indices, values),
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "is no known activation"),
    };

    private static int Relu(ReadOnlySpan<float> pre, Span<int> indices, Span<float> values)
    {
        int count = 0;
        for (int i = 0; i < pre.Length; i++)
            if (pre[i] > 0) (indices[count], values[count++]) = (i, pre[i]);
        return count;
    }

    private static int JumpRelu(ReadOnlySpan<float> threshold, ReadOnlySpan<float> pre, Span<int> indices, Span<float> values)
    {
        int count = 0;
        for (int i = 0; i < pre.Length; i++)
            if (pre[i] > 0 && pre[i] > threshold[i]) (indices[count], values[count++]) = (i, pre[i]);
        return count;
    }

    private static int Gated(SaeActivation.Gated gated, ReadOnlySpan<float> pre, Span<int> indices, Span<float> values)
    {
        int count = 0;
        for (int i = 0; i < pre.Length; i++)
        {
            float magnitude = pre[i] * gated.MagnitudeScale[i] + gated.MagnitudeBias[i];
            if (pre[i] + gated.GateBias[i] > 0 && magnitude > 0) (indices[count], values[count++]) = (i, magnitude);
        }
        return count;
    }

    private static int GroupMax(int groups, ReadOnlySpan<float> pre, Span<int> indices, Span<float> values)
    {
        int count = 0, size = pre.Length / groups;
        for (int start = 0; start < groups * size; start += size)
        {
            int best = -1;
            for (int i = start; i < start + size; i++)
                if (pre[i] > 0 && (best < 0 || pre[i] > pre[best])) best = i;
            if (best >= 0) (indices[count], values[count++]) = (best, pre[best]);
        }
        return count;
    }

    /// <summary>A heap of the best k so far, the worst of them on top: O(d_sae log k), and after the first few latents almost always one comparison.</summary>
    private static int TopK(int k, ReadOnlySpan<float> pre, Span<int> indices, Span<float> values)
    {
        int count = 0;
        for (int i = 0; i < pre.Length; i++)
        {
            if (!(pre[i] > 0)) continue;
            if (count < k)
            {
                indices[count++] = i;
                if (count == k) for (int root = k / 2 - 1; root >= 0; root--) SiftDown(indices[..k], root, pre);
            }
            else if (k > 0 && pre[i] > pre[indices[0]])
            {
                indices[0] = i;
                SiftDown(indices[..k], 0, pre);
            }
        }
        indices[..count].Sort();
        for (int i = 0; i < count; i++) values[i] = pre[indices[i]];
        return count;
    }

    private static void SiftDown(Span<int> heap, int root, ReadOnlySpan<float> pre)
    {
        while (true)
        {
            int worst = root, left = 2 * root + 1, right = left + 1;
            if (left < heap.Length && IsWorse(heap[left], heap[worst], pre)) worst = left;
            if (right < heap.Length && IsWorse(heap[right], heap[worst], pre)) worst = right;
            if (worst == root) return;
            (heap[root], heap[worst]) = (heap[worst], heap[root]);
            root = worst;
        }
    }

    /// <summary>Smaller, or equal with the higher index.</summary>
    private static bool IsWorse(int a, int b, ReadOnlySpan<float> pre) => pre[a] < pre[b] || (pre[a] == pre[b] && a > b);
}
