using SparseRM.Backends;
using SparseRM.Backends.Reference;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Conformance;

/// <summary>A tensor on both backends, with the values that it had at first.</summary>
public sealed record TensorPair(Tensor Expected, Tensor Actual, float[] Values)
{
    public int Rows => Expected.Rows;
    public int Columns => Expected.Columns;
}

/// <summary>An operand on both backends.</summary>
public sealed record OperandPair(Operand Expected, Operand Actual);

/// <summary>The oracle and a backend with one variant selected, tensors in guarded memory, and weights in temporary files.</summary>
public sealed class Rig : IDisposable
{
    private const float Guard = -12345.678f;
    private const int Margin = 67;  // odd, so that views are misaligned
    private readonly bool _strided;
    private readonly Random _random = new(42);
    private readonly List<IDisposable> _owned = [];
    private readonly List<Tensor> _guarded = [];
    private readonly List<(DeviceBuffer Buffer, long Length)> _ends = [];
    private readonly Dictionary<(Backend, int, DType), Matrix> _identities = [];

    public Rig(string backend, OpKind op, string variant, bool strided, int threads) : this(backend, strided, threads) => Native.Select(op, variant);

    /// <summary>With the variants that are the backend's defaults.</summary>
    public Rig(string backend, bool strided, int threads) : this(TestedBackends.Open(backend, threads), strided) { }

    /// <summary>With a backend that was opened with settings of its own; disposes it.</summary>
    public Rig(Backend backend, bool strided) => (_strided, Native) = (strided, backend);

    public ReferenceBackend Oracle { get; } = new();
    public Backend Native { get; }
    public WeightFiles Files { get; } = new();

    /// <summary>Selects the variant of this name where the op has one: variants of one instruction set agree to the bit.</summary>
    public void SelectNamesake(OpKind op, string variant)
    {
        if (Native.Variants(op).Any(v => v.Name == variant)) Native.Select(op, variant);
    }

    public float[] Random(int count, float size = 1)
    {
        var values = new float[count];
        for (int i = 0; i < count; i++) values[i] = (float)(_random.NextDouble() * 2 - 1) * size;
        return values;
    }

    public TensorPair Random(int rows, int columns, float size = 1) => Pair(rows, columns, Random(rows * columns, size));

    public TensorPair Empty(int rows, int columns) => Pair(rows, columns, new float[rows * columns]);

    public TensorPair Pair(int rows, int columns, float[] values)
    {
        var expected = new Tensor(Oracle.Allocate((long)rows * columns), 0, rows, columns, columns);
        var actual = Guarded(rows, columns);
        Oracle.Upload(values, expected);
        Native.Upload(values, actual);
        return new TensorPair(expected, actual, [.. values]);
    }

    /// <summary>A native tensor in a buffer that is otherwise filled with a mark.</summary>
    public Tensor Guarded(int rows, int columns)
    {
        int stride = _strided ? columns + 5 : columns, offset = _strided ? Margin : 64;
        long length = offset + (long)rows * stride + 64;
        var buffer = Native.Allocate(length);
        _owned.Add(buffer);
        Native.Upload(Enumerable.Repeat(Guard, (int)length).ToArray(), new Tensor(buffer, 0, 1, (int)length, (int)length));
        var tensor = new Tensor(buffer, offset, rows, columns, stride);
        _guarded.Add(tensor);
        return tensor;
    }

    /// <summary>An operand on both backends; the native one is followed by marks.</summary>
    public OperandPair Operand(int rows, int columns, DType compute)
    {
        long length = Backends.Operand.Length(rows, columns);
        var buffer = Native.Allocate(length + 64);
        _owned.Add(buffer);
        Native.Upload(Enumerable.Repeat(Guard, (int)length + 64).ToArray(), new Tensor(buffer, 0, 1, (int)length + 64, (int)length + 64));
        _ends.Add((buffer, length));
        return new OperandPair(new(Oracle.Allocate(length), rows, columns, compute), new(buffer, rows, columns, compute));
    }

    /// <summary>x as an operand.</summary>
    public OperandPair Packed(TensorPair x, DType compute)
    {
        var packed = Operand(x.Rows, x.Columns, compute);
        Oracle.Pack(x.Expected, packed.Expected);
        Native.Pack(x.Actual, packed.Actual);
        return packed;
    }

    /// <summary>An operand's values: its product with the identity, which is exact.</summary>
    public float[] Read(Backend backend, Operand operand)
    {
        int n = operand.Columns;
        var key = (backend, n, operand.Compute);
        if (!_identities.TryGetValue(key, out var identity))
        {
            var values = new float[(long)n * n];
            for (int i = 0; i < n; i++) values[(long)i * n + i] = 1;
            _identities[key] = identity = backend.LoadMatrix([new(Files.Write(values, DType.BF16, n, n))], operand.Compute);
            _owned.Add(identity);
        }
        var buffer = backend.Allocate((long)operand.Rows * n);
        _owned.Add(buffer);
        var y = new Tensor(buffer, 0, operand.Rows, n, n);
        backend.MatMul(operand, new Product(identity, null, y));
        return Read(backend, y);
    }

    public float[] Expected(OperandPair pair) => Read(Oracle, pair.Expected);
    public float[] Actual(OperandPair pair) => Read(Native, pair.Actual);

    /// <summary>Both agree within the bound, to which rounding to bf16 adds half a step of either side's, and nothing beyond was written.</summary>
    public void Check(OperandPair y, Func<int, double> bound)
    {
        var expected = Expected(y);
        double rounding = y.Actual.Compute == DType.BF16 ? 1.0 / 128 : 0;
        TensorAssert.Within(expected, Actual(y), i => bound(i) + rounding * (Math.Abs(expected[i]) + bound(i)));
        CheckGuards();
    }

    public (Matrix Expected, Matrix Actual) Load(DType compute, params MatrixPart[] parts)
    {
        var pair = (Oracle.LoadMatrix(parts, compute), Native.LoadMatrix(parts, compute));
        _owned.Add(pair.Item2);
        return pair;
    }

    public float[] Expected(TensorPair pair) => Read(Oracle, pair.Expected);
    public float[] Actual(TensorPair pair) => Read(Native, pair.Actual);

    public static float[] Read(Backend backend, Tensor tensor)
    {
        var values = new float[tensor.Rows * tensor.Columns];
        backend.Download(tensor, values);
        return values;
    }

    /// <summary>Both agree within the bound, and no byte outside any tensor has changed.</summary>
    public void Check(TensorPair y, Func<int, double> bound)
    {
        TensorAssert.Within(Expected(y), Actual(y), bound);
        CheckGuards();
    }

    public void CheckGuards()
    {
        foreach (var (buffer, length) in _ends)
            Assert.All(Read(Native, new Tensor(buffer, length, 1, 64, 64)), value => Assert.Equal(Guard, value));
        foreach (var tensor in _guarded)
        {
            var all = Read(Native, new Tensor(tensor.Buffer, 0, 1, (int)tensor.Buffer.Length, (int)tensor.Buffer.Length));
            for (int i = 0; i < all.Length; i++)
            {
                long at = i - tensor.Offset;
                bool inside = at >= 0 && at / tensor.RowStride < tensor.Rows && at % tensor.RowStride < tensor.Columns;
                if (inside || all[i] == Guard) continue;
                Assert.Fail($"element {at} relative to a tensor {tensor} of stride {tensor.RowStride} was overwritten with {all[i]}");
            }
        }
    }

    public void Dispose()
    {
        foreach (var item in _owned) item.Dispose();
        Native.Dispose();
        Files.Dispose();
    }
}
