using ILGPU;
using ILGPU.Algorithms;
using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Tensors;

namespace SparseRM.Ilgpu.Ops;

/// <summary>Attention; see <see cref="Backend.Attention"/>. Operands stay F32.</summary>
internal sealed class Attention : IDisposable
{
    /// <summary>Widest head: its query and its sums lie in shared memory.</summary>
    private const int MaxDHead = 512;

    /// <summary>Keys of one step.</summary>
    private const int Keys = 64;

    /// <summary>Numbers by which the device knows a query: row, position, prefix start, prefix count, key start.</summary>
    private const int QueryFields = 5;

    private readonly IlgpuDevice _device;
    private readonly Scratch<int> _queries;
    private int[] _hostQueries = [];

    public Attention(IlgpuDevice device)
    {
        _device = device;
        _queries = new(device);
        Variants = VariantTable.One(device, OpKind.Attention, "streaming", new Kernels(Streaming<float, Single32>, Streaming<ushort, Bf16>));
    }

    /// <summary>What the kernel takes.</summary>
    internal readonly struct Arguments<T>(
        Rows<float> q, Rows<float> k, Rows<float> v, ArrayView<int> queries, Rows<T> y, int count, AttentionOptions options) where T : unmanaged
    {
        public readonly Rows<float> Q = q, K = k, V = v;
        public readonly ArrayView<int> Queries = queries;
        public readonly Rows<T> Y = y;
        public readonly int Count = count, Heads = options.NHeads, Group = options.NHeads / options.NKvHeads;
        public readonly int DHead = options.DHead, Window = options.Window;
        public readonly float Scale = options.Scale, Softcap = options.Softcap;
    }

    /// <summary>A kernel for each type of operand.</summary>
    internal sealed record Kernels(Action<Arguments<float>> F32, Action<Arguments<ushort>> Bf16);

    public VariantTable<Kernels> Variants { get; }

    /// <summary>Enqueues attention of the queries that the segments cover.</summary>
    public void Run(
        Rows<float> q, Rows<float> k, Rows<float> v, ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments,
        AttentionOptions options, IlgpuOperand y)
    {
        if (options.DHead > MaxDHead)
            throw new BackendException($"{_device.Name}", $"Attention: heads of {options.DHead}; at most {MaxDHead} are computed here");
        var (queries, count) = Put(positions, segments);
        long items = (long)count * options.NHeads;
        if (y.Compute == DType.BF16) _device.Groups(Variants.Run.Bf16, items, new(q, k, v, queries, y.Halves, count, options));
        else _device.Groups(Variants.Run.F32, items, new(q, k, v, queries, y.Singles, count, options));
    }

    public void Dispose() => _queries.Dispose();

    private (ArrayView<int> Queries, int Count) Put(ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments)
    {
        int count = 0;
        foreach (var s in segments) count += s.QueryCount;
        if (_hostQueries.Length < QueryFields * count) _hostQueries = new int[QueryFields * count];
        int at = 0;
        foreach (var s in segments)
        {
            for (int row = s.QueryStart; row < s.QueryStart + s.QueryCount; row++, at += QueryFields)
            {
                ReadOnlySpan<int> query = [row, positions[row], s.PrefixStart, s.PrefixCount, s.KeyStart];
                query.CopyTo(_hostQueries.AsSpan(at));
            }
        }
        return (_queries.Put(_hostQueries.AsSpan(0, at)), count);
    }

    /// <summary>
    /// A group computes one query of one head, <see cref="Keys"/> keys at a step: scores and their weights against the largest score so far, one
    /// key a lane; then the weighted values, one column a lane, with what was summed before scaled down where the largest has grown. Every lane
    /// adds up the weights itself, in the order of the keys, so that the number of lanes changes no bit.
    /// </summary>
    public static void Streaming<T, ST>(Arguments<T> a) where T : unmanaged where ST : struct, IElement<T>
    {
        var query = SharedMemory.Allocate<float>(MaxDHead);
        var sums = SharedMemory.Allocate<float>(MaxDHead);
        var weights = SharedMemory.Allocate<float>(Keys);
        long items = (long)a.Count * a.Heads;
        for (long item = Grid.IdxX; item < items; item += Grid.DimX)
        {
            int head = (int)(item % a.Heads);
            var at = a.Queries.SubView(item / a.Heads * QueryFields, QueryFields);
            int row = at[0], last = at[1], column = head * a.DHead, keyColumn = head / a.Group * a.DHead;
            int first = a.Window > 0 ? XMath.Max(0, last - a.Window + 1) : 0;
            for (int i = Group.IdxX; i < a.DHead; i += Group.DimX) (query[i], sums[i]) = (a.Q[row, column + i], 0);
            Group.Barrier();
            float max = float.NegativeInfinity, total = 0;
            for (int start = first; start <= last; start += Keys)
            {
                int count = XMath.Min(Keys, last - start + 1);
                for (int j = Group.IdxX; j < count; j += Group.DimX)
                    weights[j] = Score(query, a.K.Row(KeyRow(at, start + j), keyColumn + a.DHead).SubView(keyColumn, a.DHead), a.Scale, a.Softcap);
                Group.Barrier();
                float largest = max;
                for (int j = 0; j < count; j++) largest = XMath.Max(largest, weights[j]);
                Group.Barrier();
                for (int j = Group.IdxX; j < count; j += Group.DimX) weights[j] = XMath.Exp(weights[j] - largest);
                Group.Barrier();
                float shrink = XMath.Exp(max - largest), step = 0;
                for (int j = 0; j < count; j++) step += weights[j];
                total = total * shrink + step;
                max = largest;
                for (int i = Group.IdxX; i < a.DHead; i += Group.DimX)
                {
                    float mixed = 0;
                    for (int j = 0; j < count; j++) mixed += weights[j] * a.V[KeyRow(at, start + j), keyColumn + i];
                    sums[i] = sums[i] * shrink + mixed;
                }
                Group.Barrier();
            }
            for (int i = Group.IdxX; i < a.DHead; i += Group.DimX) a.Y[row, column + i] = default(ST).Narrow(sums[i] / total);
            Group.Barrier();
        }
    }

    private static float Score(ArrayView<float> query, ArrayView<float> key, float scale, float softcap)
    {
        float dot = 0;
        for (int i = 0; i < key.IntLength; i++) dot += query[i] * key[i];
        float score = dot * scale;
        return softcap > 0 ? softcap * DeviceMath.Tanh(score / softcap) : score;
    }

    private static int KeyRow(ArrayView<int> query, int j)
    {
        int prefixCount = query[3];
        return j < prefixCount ? query[2] + j : query[4] + j - prefixCount;
    }
}
