using SparseRM.Backends;
using SparseRM.Conformance;
using SparseRM.Tensors;

namespace SparseRM.Cuda;

/// <summary>y = x · wᵀ + bias in bf16 of small whole numbers, whose sums are exact in any order; y and bias lie at any place.</summary>
internal sealed class Operands : IDisposable
{
    private const float Mark = 77;
    private readonly List<IDisposable> _owned = [];
    private readonly Backend _backend;
    private readonly Operand _x;
    private readonly Product _product;
    private readonly Tensor _all;
    private readonly int _callsBefore = MockDriver.Count("cublasLtMatmul");

    /// <param name="backend">Where.</param>
    /// <param name="rows">Rows of x and y.</param>
    /// <param name="inputs">Columns of x and w.</param>
    /// <param name="outputs">Rows of w, columns of y.</param>
    /// <param name="stride">Floats from row to row of y.</param>
    /// <param name="offset">Floats before y.</param>
    /// <param name="bias">Floats before the bias; null for none.</param>
    public Operands(Backend backend, int rows = 3, int inputs = 12, int outputs = 7, int stride = 9, int offset = 1, int? bias = 1)
    {
        _backend = backend;
        try
        {
            var random = new Random(3);
            float[] Whole(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.Next(-3, 4))];
            var (x, w, added) = (Whole(rows * inputs), Whole(outputs * inputs), Whole(outputs));
            int length = offset + rows * stride + 5;
            _all = new Tensor(Own(backend.Allocate(length)), 0, 1, length, length);
            Expected = [.. Enumerable.Repeat(Mark, length)];
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < outputs; j++)
                {
                    float sum = bias is null ? 0 : added[j];
                    for (int k = 0; k < inputs; k++) sum += x[i * inputs + k] * w[j * inputs + k];
                    Expected[offset + i * stride + j] = sum;
                }
            }
            var dense = new Tensor(Own(backend.Allocate(x.Length)), 0, rows, inputs, inputs);
            backend.Upload(x, dense);
            _x = new Operand(Own(backend.Allocate(Operand.Length(rows, inputs))), rows, inputs, DType.BF16);
            backend.Pack(dense, _x);
            using var files = new WeightFiles();
            var matrix = Own(backend.LoadMatrix([new(files.Write(w, DType.BF16, outputs, inputs))], DType.BF16));
            Tensor? place = bias is { } before ? new Tensor(Own(backend.Allocate(before + outputs)), before, 1, outputs, outputs) : null;
            if (place is { } there) backend.Upload(added, there);
            _product = new Product(matrix, place, new Tensor(_all.Buffer, offset, rows, outputs, stride));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>All floats of y's buffer, those round it marked.</summary>
    public float[] Expected { get; }

    /// <summary>Products by cuBLASLt since this was made.</summary>
    public int Calls => MockDriver.Count("cublasLtMatmul") - _callsBefore;

    /// <summary>The product, with the floats round it.</summary>
    public float[] Multiply()
    {
        _backend.Upload([.. Enumerable.Repeat(Mark, _all.Columns)], _all);
        _backend.MatMul(_x, _product);
        var values = new float[_all.Columns];
        _backend.Download(_all, values);
        return values;
    }

    public void Dispose()
    {
        foreach (var item in _owned) item.Dispose();
    }

    private T Own<T>(T item) where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }
}
