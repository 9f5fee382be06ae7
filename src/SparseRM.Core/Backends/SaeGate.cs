namespace SparseRM.Backends;

/// <summary>Turns pre-activations into sparse activations, exactly: the plain twin that every backend's fused gate must equal.</summary>
/// <param name="Kind">Which formula; the vectors and K are those that it names.</param>
public sealed record SaeGate(SaeGateKind Kind)
{
    /// <summary>TopK: the most active latents. GroupMax: the number of groups, which divides d_sae.</summary>
    public int K { get; init; }
    /// <summary>JumpReLU: t [d_sae], <c>a_i = p_i if p_i &gt; t_i and p_i &gt; 0</c>.</summary>
    public float[] Threshold { get; init; } = [];
    /// <summary>Gated: g [d_sae], <c>a_i = p_i * s_i + m_i if p_i + g_i &gt; 0</c>, where that is above 0.</summary>
    public float[] GateBias { get; init; } = [];
    /// <summary>Gated: s [d_sae].</summary>
    public float[] MagnitudeScale { get; init; } = [];
    /// <summary>Gated: m [d_sae].</summary>
    public float[] MagnitudeBias { get; init; } = [];

    /// <summary>The most latents that one row can have active.</summary>
    public int Capacity(int dSae) => Kind is SaeGateKind.TopK or SaeGateKind.GroupMax ? Math.Min(K, dSae) : dSae;

    /// <summary>Applies the formula to one row; active latents have values above 0.</summary>
    /// <param name="pre">p [d_sae]. A NaN is never active.</param>
    /// <param name="indices">Receives the active latents in ascending order; holds at least <see cref="Capacity"/>.</param>
    /// <param name="values">Receives their activations.</param>
    /// <returns>How many are active.</returns>
    public int Apply(ReadOnlySpan<float> pre, Span<int> indices, Span<float> values) => Kind switch
    {
        SaeGateKind.Relu => Relu(pre, indices, values),
        SaeGateKind.JumpRelu => JumpRelu(pre, indices, values),
        SaeGateKind.TopK => TopK(K, pre, indices, values),
        SaeGateKind.GroupMax => GroupMax(K, pre, indices, values),
        SaeGateKind.Gated => Gated(pre, indices, values),
        _ => throw new InvalidOperationException($"there is no gate of kind {Kind}"),
    };

    private static int Relu(ReadOnlySpan<float> pre, Span<int> indices, Span<float> values)
    {
        int count = 0;
        for (int i = 0; i < pre.Length; i++)
            if (pre[i] > 0) (indices[count], values[count++]) = (i, pre[i]);
        return count;
    }

    private int JumpRelu(ReadOnlySpan<float> pre, Span<int> indices, Span<float> values)
    {
        int count = 0;
        for (int i = 0; i < pre.Length; i++)
            if (pre[i] > 0 && pre[i] > Threshold[i]) (indices[count], values[count++]) = (i, pre[i]);
        return count;
    }

    private int Gated(ReadOnlySpan<float> pre, Span<int> indices, Span<float> values)
    {
        int count = 0;
        for (int i = 0; i < pre.Length; i++)
        {
            float magnitude = pre[i] * MagnitudeScale[i] + MagnitudeBias[i];
            if (pre[i] + GateBias[i] > 0 && magnitude > 0) (indices[count], values[count++]) = (i, magnitude);
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
