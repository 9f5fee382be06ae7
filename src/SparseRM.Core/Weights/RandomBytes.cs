using System.Runtime.InteropServices;
using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>Numbers in BF16 or F32, uniform on 256 even steps, made as they are read; the same for a seed and a name on every machine.</summary>
/// <remarks>Bits come from SplitMix64 (Steele et al. 2014) at the number's place, so that they do not depend on how they are read.</remarks>
internal sealed class RandomBytes : Stream
{
    // So many numbers are made of one word of random bits.
    private const int Count = 8;
    private const double UniformWidth = 3.4641016151377544; // sqrt(12): the width of a uniform distribution of deviation 1

    private readonly ushort[] _halves = new ushort[256];
    private readonly float[] _singles = new float[256];
    private readonly byte[] _group;
    private readonly ulong _start;
    private readonly long _length;
    private long _position;

    public RandomBytes(long seed, string name, DType dtype, float mean, double deviation, long elements)
    {
        (_length, _start, _group) = (elements * dtype.ByteSize(), Hash(seed, name), new byte[Count * dtype.ByteSize()]);
        for (int step = 0; step < _halves.Length; step++)
        {
            _halves[step] = BFloat16.FromSingle(mean + (float)(((step + 0.5) / _halves.Length - 0.5) * UniformWidth * deviation));
            _singles[step] = BFloat16.ToSingle(_halves[step]);
        }
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => _length;
    public override long Position { get => _position; set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer)
    {
        int wanted = (int)Math.Min(buffer.Length, _length - _position), done = 0, group = _group.Length;
        while (done < wanted)
        {
            int inGroup = (int)(_position % group);
            if (inGroup == 0 && wanted - done >= group)
            {
                int whole = (wanted - done) / group * group;
                Fill(buffer.Slice(done, whole), _position / group);
                (done, _position) = (done + whole, _position + whole);
                continue;
            }
            Fill(_group, _position / group);
            int part = Math.Min(group - inGroup, wanted - done);
            _group.AsSpan(inGroup, part).CopyTo(buffer[done..]);
            (done, _position) = (done + part, _position + part);
        }
        return done;
    }

    private void Fill(Span<byte> bytes, long group)
    {
        if (_group.Length == Count * sizeof(float)) Fill(MemoryMarshal.Cast<byte, float>(bytes), _singles, group);
        else Fill(MemoryMarshal.Cast<byte, ushort>(bytes), _halves, group);
    }

    private void Fill<T>(Span<T> numbers, ReadOnlySpan<T> steps, long group)
    {
        for (; numbers.Length >= Count; numbers = numbers[Count..], group++)
        {
            ulong bits = Mix(_start + (ulong)group * 0x9E3779B97F4A7C15UL);
            for (int i = 0; i < Count; i++) numbers[i] = steps[(byte)(bits >> (8 * i))];
        }
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }

    // FNV-1a of the name on top of the seed: string.GetHashCode differs from run to run.
    private static ulong Hash(long seed, string name)
    {
        ulong hash = 0xCBF29CE484222325UL ^ Mix((ulong)seed);
        foreach (char c in name) hash = (hash ^ c) * 0x100000001B3UL;
        return Mix(hash);
    }

    public override int Read(byte[] buffer, int start, int count) => Read(buffer.AsSpan(start, count));
    public override void Flush() { }
    public override long Seek(long distance, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int start, int count) => throw new NotSupportedException();
}
