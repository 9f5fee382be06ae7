using ILGPU;
using SparseRM.Backends;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Ops;

/// <summary>Projection and reward head in one kernel; see <see cref="Backend.Score"/>.</summary>
internal sealed class Score(IlgpuDevice device) : IDisposable
{
    /// <summary>Sums of which a dot product is made, as in <c>DotProduct</c>.</summary>
    private const int Parts = 8;

    /// <summary>Dot products at a time, and from one's sums to the next's in shared memory: odd, that lanes meet different banks.</summary>
    private const int Dots = 64, Pitch = Parts + 1;

    private readonly Scratch<float> _v = new(device);

    /// <summary>What the kernel takes.</summary>
    internal readonly struct Arguments(
        Rows<float> z, Rows<float> directions, Rows<float> v, Rows<float> w1, Rows<float> b1, Rows<float> w2, ArrayView<float> b2, Rows<float> scores,
        int count, int dModel, int hidden)
    {
        /// <summary>[count, d_model]</summary>
        public readonly Rows<float> Z = z;
        /// <summary>[inputs, d_model], or empty: then v is z.</summary>
        public readonly Rows<float> Directions = directions;
        /// <summary>[count, inputs]: z, or the kernel's own memory. Not shared memory: any number of inputs has room.</summary>
        public readonly Rows<float> V = v;
        /// <summary>[heads * hidden, inputs]</summary>
        public readonly Rows<float> W1 = w1;
        /// <summary>[heads, hidden]</summary>
        public readonly Rows<float> B1 = b1, W2 = w2;
        /// <summary>[heads]</summary>
        public readonly ArrayView<float> B2 = b2;
        /// <summary>[count, heads]</summary>
        public readonly Rows<float> Scores = scores;
        public readonly int Count = count, DModel = dModel, Hidden = hidden;
    }

    public VariantTable<Action<Arguments>> Variants { get; } =
        VariantTable.One<Action<Arguments>>(device, OpKind.Score, "group_per_row", GroupPerRow);

    /// <summary>Enqueues scores[h] = W2_h relu(W1_h v + b1_h) + b2_h; <paramref name="directions"/> may be empty.</summary>
    public void Run(
        Rows<float> z, Rows<float> directions, Rows<float> w1, Rows<float> b1, Rows<float> w2, ArrayView<float> b2, Rows<float> scores, int count)
    {
        int inputs = w1.Stride, dModel = directions.Data.Length > 0 ? directions.Stride : inputs;
        var v = directions.Data.Length > 0 ? new Rows<float>(_v.Take((long)count * inputs), inputs) : z;
        device.Groups(Variants.Run, count, new Arguments(z, directions, v, w1, b1, w2, b2, scores, count, dModel, b1.Stride));
    }

    public void Dispose() => _v.Dispose();

    /// <summary>
    /// A group computes one row: <see cref="Dots"/> directions, then for each head as many hidden units, at a time, eight lanes each; one lane adds
    /// up what a head's units give, in their order. A row with NaN or an infinity scores NaN.
    /// </summary>
    /// <remarks>
    /// F64 in the order of <c>DotProduct</c> and <c>RewardHead</c>. ILGPU writes mul.f64 and add.f64 without .rn, and ptxas fuses them; in a dot
    /// product that is the same, since products of F32 are exact. W2 times a unit is not: it goes through shared memory and a barrier before it
    /// is added, across which no compiler fuses.
    /// </remarks>
    public static void GroupPerRow(Arguments a)
    {
        var lanes = SharedMemory.Allocate<float>(GroupSum.MaxLanes);
        var parts = SharedMemory.Allocate<double>(Dots * Pitch);
        var units = SharedMemory.Allocate<double>(Dots);
        var terms = SharedMemory.Allocate<double>(Dots);
        int inputs = a.W1.Stride, directions = a.Directions.Data.Length > 0 ? inputs : 0;
        for (int row = Grid.IdxX; row < a.Count; row += Grid.DimX)
        {
            var (z, v) = (a.Z.Row(row, a.DModel), a.V.Row(row, inputs));
            float infinite = 0;
            for (int i = Group.IdxX; i < a.DModel; i += Group.DimX)
                if ((Interop.FloatAsInt(z[i]) & 0x7F800000) == 0x7F800000) infinite = 1;
            infinite = GroupSum.Of(infinite, lanes);

            for (int first = 0; first < directions; first += Dots)
            {
                int count = IntrinsicMath.Min(Dots, inputs - first);
                AddParts(a.Directions, first, count, z, parts);
                for (int i = Group.IdxX; i < count; i += Group.DimX)
                    v[first + i] = (float)Total(a.Directions.Row(first + i, a.DModel), z, parts, i);
                Group.Barrier();
            }
            for (int head = 0; head < a.B2.IntLength; head++)
            {
                double score = a.B2[head];
                for (int first = 0; first < a.Hidden; first += Dots)
                {
                    int count = IntrinsicMath.Min(Dots, a.Hidden - first), w1 = head * a.Hidden + first;
                    AddParts(a.W1, w1, count, v, parts);
                    for (int i = Group.IdxX; i < count; i += Group.DimX)
                    {
                        double unit = Total(a.W1.Row(w1 + i, inputs), v, parts, i) + a.B1[head, first + i];
                        (units[i], terms[i]) = (unit, a.W2[head, first + i] * unit);
                    }
                    Group.Barrier();
                    if (Group.IdxX == 0)
                    {
                        for (int i = 0; i < count; i++)
                            if (FloatBits.IsPositive(units[i])) score += terms[i];
                    }
                }
                if (Group.IdxX == 0) a.Scores[row, head] = FloatBits.IsPositive(infinite) ? float.NaN : (float)score;
            }
        }
    }

    /// <summary>parts[i, t] = sum over j = t, t + 8, .. of rows[first + i, j] * x[j], but for the last of j that make no eight.</summary>
    private static void AddParts(Rows<float> rows, int first, int count, ArrayView<float> x, ArrayView<double> parts)
    {
        int whole = x.IntLength / Parts * Parts;
        for (int item = Group.IdxX; item < count * Parts; item += Group.DimX)
        {
            int part = item % Parts;
            var row = rows.Row(first + item / Parts, x.IntLength);
            double sum = 0;
            for (int j = part; j < whole; j += Parts) sum += (double)row[j] * x[j];
            parts[item / Parts * Pitch + part] = sum;
        }
        Group.Barrier();
    }

    /// <summary>The sum of a dot product's parts, and of what was left over, in order.</summary>
    private static double Total(ArrayView<float> row, ArrayView<float> x, ArrayView<double> parts, int dot)
    {
        var p = parts.SubView(dot * Pitch, Parts);
        double sum = ((p[0] + p[4]) + (p[1] + p[5])) + ((p[2] + p[6]) + (p[3] + p[7]));
        for (int j = x.IntLength / Parts * Parts; j < x.IntLength; j++) sum += (double)row[j] * x[j];
        return sum;
    }
}
