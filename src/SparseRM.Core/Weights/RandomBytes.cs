using System.Runtime.InteropServices;
using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>BF16 numbers, uniform on 256 even steps, made as they are read; the same for a seed and a name on every machine.</summary>
/// <remarks>Bits come from SplitMix64 (Steele et al. 2014) at the number's place, so that they do not depend on how they are read.</remarks>
internal sealed class RandomBytes : Stream
{
    // Eight numbers of two bytes are made of one word of random bits.
    private const int Group = 16;
    private const double UniformWidth = 3.4641016151377544; // sqrt(12): the width of a uniform distribution of deviation 1

    private readonly ushort[] _steps = new ushort[256];
    private readonly byte[] _group = new byte[Group];
    private readonly ulong _start;
    private readonly long _length;
    private long _position;

    public RandomBytes(long seed, string name, float mean, double deviation, long length)
    {
        (_length, _start) = (length, Hash(seed, name));
        for (int step = 0; step < _steps.Length; step++)
            _steps[step] = BFloat16.FromSingle(mean + (float)(((step + 0.5) / _steps.Length - 0.5) * UniformWidth * deviation));
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => _length;
    public override long Position { get => _position; set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer)
    {
        int wanted = (int)Math.Min(buffer.Length, _length - _position), done = 0;
        while (done < wanted)
        {
            int inGroup = (int)(_position % Group);
            if (inGroup == 0 && wanted - done >= Group)
            {
                int whole = (wanted - done) / Group * Group;
                Fill(MemoryMarshal.Cast<byte, ushort>(buffer.Slice(done, whole)), _position / Group);
                (done, _position) = (done + whole, _position + whole);
                continue;
            }
            Fill(MemoryMarshal.Cast<byte, ushort>(_group.AsSpan()), _position / Group);
            int part = Math.Min(Group - inGroup, wanted - done);
            _group.AsSpan(inGroup, part).CopyTo(buffer[done..]);
            (done, _position) = (done + part, _position + part);
        }
        return done;
    }

    private void Fill(Span<ushort> numbers, long group)
    {
        var steps = _steps.AsSpan();
        for (; numbers.Length >= 8; numbers = numbers[8..], group++)
        {
            ulong bits = Mix(_start + (ulong)group * 0x9E3779B97F4A7C15UL);
            numbers[7] = steps[(byte)(bits >> 56)];
            numbers[0] = steps[(byte)bits];
            numbers[1] = steps[(byte)(bits >> 8)];
            numbers[2] = steps[(byte)(bits >> 16)];
            numbers[3] = steps[(byte)(bits >> 24)];
            numbers[4] = steps[(byte)(bits >> 32)];
            numbers[5] = steps[(byte)(bits >> 40)];
            numbers[6] = steps[(byte)(bits >> 48)];
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
