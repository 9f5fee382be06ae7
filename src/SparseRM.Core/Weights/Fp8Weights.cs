using System.Buffers.Binary;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>Matrices of fp8 (e4m3fn) with one F32 scale a block, widened as they are read: element (i, j) is <c>fp8 * scale[i / rows, j / columns]</c>, rounded once to F32.</summary>
/// <remarks>Source: transformers <c>integrations/finegrained_fp8.py</c>; e4m3fn: 4 bits of exponent with a bias of 7, no infinity, 0x7F and 0xFF are NaN.</remarks>
internal static class Fp8Weights
{
    private static readonly float[] s_values = [.. Enumerable.Range(0, 256).Select(bits => Value((byte)bits))];

    /// <summary>The matrix as a slice of F32, which only its stream gives.</summary>
    /// <param name="weight">[outputs, inputs] in <see cref="DType.F8E4M3"/>.</param>
    /// <param name="scales">[outputs / blockRows, inputs / blockColumns], both rounded up.</param>
    /// <param name="blockRows">Outputs that share a scale.</param>
    /// <param name="blockColumns">Inputs that share a scale.</param>
    /// <exception cref="ModelFormatException">The shapes do not belong together, or a scale is not finite.</exception>
    public static WeightSlice Widen(WeightSlice weight, WeightSlice scales, int blockRows, int blockColumns)
    {
        if (weight.Shape.Count != 2)
            throw new ModelFormatException(weight.Path, $"tensor \"{weight.Name}\" of fp8 has {weight.Shape.Count} dimensions, expected a matrix");
        long rows = weight.Shape[0], columns = weight.Shape[1];
        long[] expected = [(rows + blockRows - 1) / blockRows, (columns + blockColumns - 1) / blockColumns];
        if (!scales.Shape.SequenceEqual(expected))
        {
            throw new ModelFormatException(scales.Path, $"tensor \"{scales.Name}\" has shape [{string.Join(", ", scales.Shape)}], expected "
                + $"[{string.Join(", ", expected)}]: one scale for each {blockRows} x {blockColumns} block of [{rows}, {columns}]");
        }
        float[] factors = scales.RequireWeightType().ReadSingles();
        return new WeightSlice(weight.Path, weight.Name, DType.F32, weight.Shape, () => new WidenedStream(weight, factors, blockRows, blockColumns));
    }

    private static float Value(byte bits)
    {
        int exponent = (bits >> 3) & 15, fraction = bits & 7;
        float size = (bits & 0x7F) == 0x7F ? float.NaN : exponent == 0 ? MathF.ScaleB(fraction, -9) : MathF.ScaleB(8 + fraction, exponent - 10);
        return bits < 0x80 ? size : -size;
    }

    /// <summary>F32 elements, little-endian, a row of the file at a time.</summary>
    private sealed class WidenedStream(WeightSlice weight, float[] factors, int blockRows, int blockColumns) : Stream
    {
        private readonly Stream _inner = new BufferedStream(weight.OpenRead(), 1 << 20);
        private readonly byte[] _narrow = new byte[weight.Shape[1]], _wide = new byte[weight.Shape[1] * sizeof(float)];
        private long _row;
        private int _at = checked((int)weight.Shape[1] * sizeof(float));

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => weight.ElementCount * sizeof(float);
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(Span<byte> buffer)
        {
            if (_at == _wide.Length && !NextRow()) return 0;
            int count = Math.Min(buffer.Length, _wide.Length - _at);
            _wide.AsSpan(_at, count).CopyTo(buffer);
            _at += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing) _inner.Dispose();
            base.Dispose(disposing);
        }

        /// <summary>False at the end of the tensor, and where the file ends inside it, which the reader of this stream refuses.</summary>
        private bool NextRow()
        {
            if (_row == weight.Shape[0] || _inner.ReadAtLeast(_narrow, _narrow.Length, throwOnEndOfStream: false) < _narrow.Length) return false;
            long blocks = (_narrow.Length + blockColumns - 1) / blockColumns, first = _row / blockRows * blocks;
            for (int j = 0; j < _narrow.Length; j++)
                BinaryPrimitives.WriteSingleLittleEndian(_wide.AsSpan(j * sizeof(float)), s_values[_narrow[j]] * factors[first + j / blockColumns]);
            _row++;
            _at = 0;
            return true;
        }
    }
}
