using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Algorithms.ScanReduceOperations;
using SparseRM.Backends;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Ops;

/// <summary>The activations of <see cref="SaeGate"/> on the device: which latents of a row are active, and their values.</summary>
internal static class SaeGates
{
    /// <summary>Parts of a row, one a lane.</summary>
    public const int Parts = 64;

    /// <summary>An activation and its vectors.</summary>
    internal readonly struct Gate(
        SaeWeights sae, ArrayView<float> threshold, ArrayView<float> gateBias, ArrayView<float> magnitudeScale, ArrayView<float> magnitudeBias,
        ArrayView<ulong> kth)
    {
        public readonly ArrayView<float> Threshold = threshold, GateBias = gateBias, MagnitudeScale = magnitudeScale, MagnitudeBias = magnitudeBias;

        /// <summary>For TopK, the smallest active key of each row.</summary>
        public readonly ArrayView<ulong> Kth = kth;

        public readonly int Kind = (int)sae.Gate.Kind;

        /// <summary>Latents of which at most one is active: 1, but for GroupMax.</summary>
        public readonly int Size = sae.Gate.Kind == SaeGateKind.GroupMax ? sae.DSae / sae.K : 1;

        /// <summary>How many such sets a row has.</summary>
        public readonly int Sets = sae.Gate.Kind == SaeGateKind.GroupMax ? sae.K : sae.DSae;
    }

    /// <summary>What three kernels take: the first writes counts, the second puts starts in their place, the third reads those.</summary>
    internal readonly struct Arguments(Rows<float> pre, Gate gate, ArrayView<int> counts, ArrayView<int> ids, ArrayView<float> values, int count)
    {
        public readonly Rows<float> Pre = pre;
        public readonly Gate Gate = gate;
        public readonly ArrayView<int> Counts = counts, Ids = ids;
        public readonly ArrayView<float> Values = values;
        public readonly int Count = count;
    }

    /// <summary>What <see cref="CountActive"/> takes: counts[s, latent] += times[row, s], s of two sides.</summary>
    internal readonly struct CountArguments(Rows<float> pre, Gate gate, ArrayView<int> times, Rows<float> counts, int count)
    {
        public readonly Rows<float> Pre = pre, Counts = counts;
        public readonly Gate Gate = gate;
        public readonly ArrayView<int> Times = times;
        public readonly int Count = count;
    }

    /// <summary>A lane counts the active latents of one part of one row.</summary>
    public static void Count(Arguments a)
    {
        int items = a.Count * Parts;
        for (int item = (int)Lanes.First; item < items; item += (int)Lanes.Stride)
        {
            int row = item / Parts, part = item % Parts, end = Start(a.Gate.Sets, part + 1), active = 0;
            for (int set = Start(a.Gate.Sets, part); set < end; set++)
                if (FloatBits.IsPositive(Value(a.Pre, a.Gate, row, Latent(a.Pre, a.Gate, row, set)))) active++;
            a.Counts[item] = active;
        }
    }

    /// <summary>
    /// One group turns counts into starts, and one entry more into their sum: a lane adds up a run of them, a scan adds up the runs.
    /// </summary>
    public static void Starts(Arguments a)
    {
        int items = a.Count * Parts, run = (items + Group.DimX - 1) / Group.DimX;
        int first = IntrinsicMath.Min(Group.IdxX * run, items), end = IntrinsicMath.Min(first + run, items), total = 0;
        for (int item = first; item < end; item++) total += a.Counts[item];
        int start = GroupExtensions.ExclusiveScan<int, AddInt32>(total);
        for (int item = first; item < end; item++)
        {
            int count = a.Counts[item];
            a.Counts[item] = start;
            start += count;
        }
        if (Group.IdxX == Group.DimX - 1) a.Counts[items] = start;
    }

    /// <summary>A lane writes the active latents of one part of one row, ids rising.</summary>
    public static void Write(Arguments a)
    {
        int items = a.Count * Parts;
        for (int item = (int)Lanes.First; item < items; item += (int)Lanes.Stride)
        {
            int row = item / Parts, part = item % Parts, end = Start(a.Gate.Sets, part + 1), at = a.Counts[item];
            for (int set = Start(a.Gate.Sets, part); set < end; set++)
            {
                int latent = Latent(a.Pre, a.Gate, row, set);
                float value = Value(a.Pre, a.Gate, row, latent);
                if (!FloatBits.IsPositive(value)) continue;
                a.Ids[at] = latent;
                a.Values[at] = value;
                at++;
            }
        }
    }

    /// <summary>A lane counts over all rows: the latents of one set are its own alone, so nothing is added atomically.</summary>
    public static void CountActive(CountArguments a)
    {
        for (long set = Lanes.First; set < a.Gate.Sets; set += Lanes.Stride)
        {
            for (int row = 0; row < a.Count; row++)
            {
                int latent = Latent(a.Pre, a.Gate, row, (int)set);
                if (!FloatBits.IsPositive(Value(a.Pre, a.Gate, row, latent))) continue;
                a.Counts[0, latent] += a.Times[2 * row];
                a.Counts[1, latent] += a.Times[2 * row + 1];
            }
        }
    }

    private static int Start(int sets, int part) => (int)((long)sets * part / Parts);

    /// <summary>The candidate of a set: its largest latent, of equals the lowest.</summary>
    private static int Latent(Rows<float> pre, Gate gate, int row, int set)
    {
        int first = set * gate.Size, best = first;
        for (int latent = first + 1; latent < first + gate.Size; latent++)
            if (FloatBits.IsGreater(pre[row, latent], pre[row, best]) || !FloatBits.IsPositive(pre[row, best])) best = latent;
        return best;
    }

    /// <summary>The latent's activation, or a number that is not above zero where it is not active.</summary>
    private static float Value(Rows<float> pre, Gate gate, int row, int latent)
    {
        float p = pre[row, latent];
        if (gate.Kind == (int)SaeGateKind.Gated)
        {
            // By way of F64, so that both kernels round alike on every device.
            float magnitude = (float)((double)p * gate.MagnitudeScale[latent]) + gate.MagnitudeBias[latent];
            return FloatBits.IsPositive(p + gate.GateBias[latent]) ? magnitude : 0;
        }
        if (gate.Kind == (int)SaeGateKind.JumpRelu) return FloatBits.IsGreater(p, gate.Threshold[latent]) ? p : 0;
        if (gate.Kind == (int)SaeGateKind.TopK) return SaeTopK.Key(p, latent) >= gate.Kth[row] ? p : 0;
        return p;
    }
}
