using SparseRM.Backends;
using SparseRM.Interop;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Benchmarks;

/// <summary>Random tensors and weights for one benchmark.</summary>
internal sealed class Operands(NativeBackend backend) : IDisposable
{
    private readonly Random _random = new(42);
    private readonly List<IDisposable> _owned = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("sparserm-bench-").FullName;

    public Tensor Tensor(int rows, int columns)
    {
        var buffer = backend.Allocate((long)rows * columns);
        _owned.Add(buffer);
        var tensor = new Tensor(buffer, 0, rows, columns, columns);
        var values = new float[(long)rows * columns];
        foreach (ref float value in values.AsSpan()) value = (float)(_random.NextDouble() * 2 - 1);
        backend.Upload(values, tensor);
        return tensor;
    }

    public Operand Operand(int rows, int columns, DType compute)
    {
        var buffer = backend.Allocate(Backends.Operand.Length(rows, columns));
        _owned.Add(buffer);
        return new Operand(buffer, rows, columns, compute);
    }

    /// <summary>BF16 weights [rows, columns] in a file.</summary>
    public WeightSlice Weights(int rows, int columns)
    {
        var bytes = new byte[2L * rows * columns];
        for (int i = 0; i < bytes.Length; i += 2)
            BitConverter.TryWriteBytes(bytes.AsSpan(i), BFloat16.FromSingle((float)(_random.NextDouble() - 0.5) / 16));
        string path = Path.Combine(_folder, $"{_owned.Count}.bin");
        File.WriteAllBytes(path, bytes);
        return new WeightSlice(path, "w", DType.BF16, [rows, columns], 0);
    }

    public Matrix Matrix(int outputs, int inputs, DType compute)
    {
        var matrix = backend.LoadMatrix([new MatrixPart(Weights(outputs, inputs))], compute);
        _owned.Add(matrix);
        return matrix;
    }

    /// <summary>An operand's values, by way of a product with the identity.</summary>
    public float[] Read(Operand operand)
    {
        var bytes = new byte[2 * operand.Columns * operand.Columns];
        for (int i = 0; i < operand.Columns; i++) BitConverter.TryWriteBytes(bytes.AsSpan(2 * (i * operand.Columns + i)), BFloat16.FromSingle(1));
        string path = Path.Combine(_folder, $"identity-{operand.Columns}.bin");
        File.WriteAllBytes(path, bytes);
        var identity = backend.LoadMatrix([new MatrixPart(new WeightSlice(path, "identity", DType.BF16, [operand.Columns, operand.Columns], 0))], operand.Compute);
        _owned.Add(identity);
        var y = Tensor(operand.Rows, operand.Columns);
        backend.MatMul(operand, new Product(identity, null, y));
        return Read(backend, y);
    }

    public static float[] Read(Backend backend, Tensor tensor)
    {
        var values = new float[(long)tensor.Rows * tensor.Columns];
        backend.Download(tensor, values);
        return values;
    }

    /// <summary>What is timed must first be right: within 1 % (bf16 operands) of the scalar variant in the 2-norm.</summary>
    public static void Validate(float[] expected, float[] actual, string what)
    {
        double difference = 0, size = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += Math.Pow(actual[i] - expected[i], 2);
            size += Math.Pow(expected[i], 2);
        }
        if (!(Math.Sqrt(difference / size) < 1e-2)) throw new InvalidOperationException($"{what} differs from the scalar variant: it is not timed");
    }

    public static IEnumerable<string> Variants(OpKind op)
    {
        using var opened = NativeBackend.Open(1);
        return [.. opened.Variants(op).Where(v => v.Supported && v.Name != "scalar").Select(v => v.Name)];
    }

    public void Dispose()
    {
        foreach (var item in _owned) item.Dispose();
        Directory.Delete(_folder, true);
    }
}
