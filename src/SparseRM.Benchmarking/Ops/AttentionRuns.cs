using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking.Ops;

internal sealed class AttentionRun(Backend backend, AttentionShape shape, DType compute, long seed) : AttentionRunBase(backend, shape, shape, compute, seed)
{
    private protected override void Attend(Tensor q, ReadOnlySpan<int> positions, AttentionSegment[] segments, Operand y) =>
        Backend.Attention(q, K, V, positions, segments, Attention.Options, y);
}

internal sealed class RopeAttentionRun : AttentionRunBase
{
    private readonly Tensor _cosSin;
    private readonly float[] _q, _k;

    public RopeAttentionRun(Backend backend, RopeAttentionShape shape, DType compute, long seed) : base(backend, shape, shape.Attention, compute, seed)
    {
        int half = shape.Attention.Options.DHead / 2;
        float[] angles = Random(shape.Attention.Length * half);
        _cosSin = Empty(shape.Attention.Length, 2 * half);
        backend.Upload([.. Enumerable.Range(0, angles.Length * 2).Select(i =>
        {
            float angle = angles[i / (2 * half) * half + i % half];
            return i % (2 * half) < half ? MathF.Cos(angle) : MathF.Sin(angle);
        })], _cosSin);
        (_q, _k) = (Read(Q), Read(K));
    }

    /// <summary>They may have been rotated in place.</summary>
    private protected override void Reset()
    {
        Backend.Upload(_q, Q);
        Backend.Upload(_k, K);
    }

    private protected override void Attend(Tensor q, ReadOnlySpan<int> positions, AttentionSegment[] segments, Operand y) =>
        Backend.RopeAttention(q, K, V, positions, Positions, _cosSin, segments, Attention.Options, y);
}

/// <summary>Attention of all rows, or of the last few rows of the last sequence.</summary>
internal abstract class AttentionRunBase : OpRun
{
    private readonly Operand _y, _sampleY;
    private readonly AttentionSegment[] _segments, _sampleSegments;

    private protected AttentionRunBase(Backend backend, OpShape shape, AttentionShape attention, DType compute, long seed) : base(backend, shape, compute, seed)
    {
        Attention = attention;
        var options = attention.Options;
        int width = options.NHeads * options.DHead, kvWidth = options.NKvHeads * options.DHead, length = attention.Length;
        (Q, K, V) = (Tensor(shape.Rows, width), Tensor(shape.Rows, kvWidth), Tensor(shape.Rows, kvWidth));
        (_y, _sampleY) = (Operand(shape.Rows, width), Operand(SampleRows, width));
        Positions = [.. Enumerable.Range(0, shape.Rows).Select(row => row % length)];
        _segments = [.. Enumerable.Range(0, attention.Sequences).Select(i => new AttentionSegment(i * length, length, 0, 0, i * length, length))];
        _sampleSegments = [_segments[^1] with { QueryStart = 0, QueryCount = SampleRows }];
    }

    private protected AttentionShape Attention { get; }
    private protected Tensor Q { get; }
    private protected Tensor K { get; }
    private protected Tensor V { get; }
    private protected int[] Positions { get; }

    private protected override IEnumerable<DeviceBuffer> Outputs => [_y.Buffer, _sampleY.Buffer];

    public override void Call() => Attend(Q, Positions, _segments, _y);

    public override void CallSample() => Attend(Last(Q), Positions.AsSpan(^SampleRows..), _sampleSegments, _sampleY);

    private protected abstract void Attend(Tensor q, ReadOnlySpan<int> positions, AttentionSegment[] segments, Operand y);

    private protected override float[] ReadSample(int rows) => Read(rows == _y.Rows ? _y : _sampleY);
}
