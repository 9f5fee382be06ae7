using SparseRM.Backends;
using SparseRM.Backends.Reference;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Benchmarking.Ops;

/// <summary>One op with random operands on a backend, ready to be called again and again.</summary>
public abstract class OpRun : IDisposable
{
    private const long Seed = 1;

    // Within 1 % of the reference in the 2-norm: BF16 operands on the edge of two numbers may be rounded to either.
    private const double Tolerated = 1e-2;
    private const int ReadColumns = 16;

    private readonly SeededRandom _random = new(Seed);
    private readonly List<IDisposable> _owned = [];
    private readonly Dictionary<int, Matrix> _readers = [];
    private float[]? _expected;

    private protected OpRun(Backend backend, OpShape shape, DType compute) => (Backend, Shape, Compute) = (backend, shape, compute);

    /// <summary>Loads the operands.</summary>
    /// <param name="backend">Where; must outlive the run.</param>
    /// <param name="shape">Of <see cref="OpShapes"/>.</param>
    /// <param name="compute">F32 or BF16: type of the products, and of the weights.</param>
    /// <exception cref="BackendException">Out of memory.</exception>
    public static OpRun Prepare(Backend backend, OpShape shape, DType compute) => shape switch
    {
        MatMulShape matMul => new MatMulRun(backend, matMul, compute),
        GatedMatMulShape gated => new GatedMatMulRun(backend, gated, compute),
        AttentionShape attention => new AttentionRun(backend, attention, compute),
        RopeAttentionShape rotated => new RopeAttentionRun(backend, rotated, compute),
        ScoreShape score => new ScoreRun(backend, score, compute),
        AddRmsNormShape norm => new AddRmsNormRun(backend, norm, compute),
        SaeEncodeShape sae => new SaeEncodeRun(backend, sae, compute),
        _ => throw new ArgumentException($"there is no run for a {shape.GetType().Name}", nameof(shape)),
    };

    /// <summary>What is run.</summary>
    public OpShape Shape { get; }

    /// <summary>Type of the products.</summary>
    public DType Compute { get; }

    /// <summary>The last rows, by which variants are compared: the reference would take long for all.</summary>
    public int SampleRows => Math.Min(Shape is SaeEncodeShape ? 2 : 4, Shape.Rows);

    /// <summary>The op on all rows.</summary>
    public abstract void Call();

    /// <summary>The op on the last <see cref="SampleRows"/> rows.</summary>
    public abstract void CallSample();

    /// <summary>Selects a variant after it was seen to agree with the reference backend: what is timed must first be right.</summary>
    /// <param name="variant">Its name.</param>
    /// <param name="onSample">Whether it computes the sample alone to be compared, instead of all rows.</param>
    /// <exception cref="BackendException">It does not agree; or this machine cannot run it.</exception>
    public void Select(string variant, bool onSample = false)
    {
        Backend.Select(Shape.Op, variant);
        Reset();
        if (onSample) CallSample();
        else Call();
        double error = Difference(_expected ??= Reference(), ReadSample(onSample ? SampleRows : Shape.Rows));
        if (!(error <= Tolerated))
        {
            throw new BackendException(Backend.Name,
                $"{Shape.Op.Name()}={variant} differs by {error:G2} from the reference on {Shape.Name} in {Compute}; it is not timed, please report it");
        }
    }

    /// <summary>The backend that computes.</summary>
    private protected Backend Backend { get; }

    /// <summary>Puts back what calls change.</summary>
    private protected virtual void Reset() { }

    /// <summary>What the last <see cref="SampleRows"/> rows came to, after a call on so many rows.</summary>
    private protected abstract float[] ReadSample(int rows);

    private protected T Own<T>(T owned) where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    private protected float[] Random(int count)
    {
        var values = new float[count];
        foreach (ref float value in values.AsSpan()) value = (float)(_random.NextDouble() * 2 - 1) * MathF.Sqrt(3);
        return values;
    }

    private protected Tensor Empty(int rows, int columns) => new(Own(Backend.Allocate((long)rows * columns)), 0, rows, columns, columns);

    private protected Tensor Tensor(int rows, int columns)
    {
        var tensor = Empty(rows, columns);
        Backend.Upload(Random(rows * columns), tensor);
        return tensor;
    }

    private protected Operand Operand(int rows, int columns) =>
        new(Own(Backend.Allocate(Backends.Operand.Length(rows, columns))), rows, columns, Compute);

    private protected WeightSlice Weights(string name, int outputs, int inputs) =>
        RandomWeights.Slice("random weights", name, Compute, [outputs, inputs], 0, 1 / Math.Sqrt(inputs), Seed);

    private protected Matrix Matrix(string name, int outputs, int inputs) => Own(Backend.LoadMatrix([new MatrixPart(Weights(name, outputs, inputs))], Compute));

    private protected Tensor Last(Tensor x) => x.RowRange(x.Rows - SampleRows, SampleRows);

    private protected float[] Read(Tensor tensor)
    {
        var values = new float[tensor.Rows * tensor.Columns];
        Backend.Download(tensor, values);
        return values;
    }

    /// <summary>An operand's last rows, through a product with a few columns of random numbers: it cannot be downloaded.</summary>
    private protected float[] Read(Operand operand)
    {
        if (!_readers.TryGetValue(operand.Columns, out var reader)) _readers[operand.Columns] = reader = Matrix("reader", ReadColumns, operand.Columns);
        var y = Empty(operand.Rows, ReadColumns);
        Backend.MatMul(operand, new Product(reader, null, y));
        return Read(Last(y));
    }

    /// <summary>The sample's rows by the reference, which has the same operands: they are random numbers of one seed.</summary>
    private float[] Reference()
    {
        using var reference = new ReferenceBackend();
        using var run = Prepare(reference, Shape, Compute);
        run.CallSample();
        return run.ReadSample(SampleRows);
    }

    private static double Difference(float[] expected, float[] actual)
    {
        double difference = 0, size = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += Math.Pow((double)actual[i] - expected[i], 2);
            size += Math.Pow(expected[i], 2);
        }
        return Math.Sqrt(difference / size);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var owned in Enumerable.Reverse(_owned)) owned.Dispose();
        GC.SuppressFinalize(this);
    }
}
