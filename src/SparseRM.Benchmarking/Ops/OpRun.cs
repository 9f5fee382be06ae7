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
    // Within 1 % of the reference in the 2-norm: BF16 operands on the edge of two numbers may be rounded to either.
    private const double Tolerated = 1e-2;
    private const int ReadColumns = 16;

    private readonly long _seed;
    private readonly SeededRandom _random;
    private readonly List<IDisposable> _owned = [];
    private readonly Dictionary<int, Matrix> _readers = [];
    private float[]? _expected;

    private protected OpRun(Backend backend, OpShape shape, DType compute, long seed) =>
        (Backend, Shape, Compute, _seed, _random) = (backend, shape, compute, seed, new SeededRandom(seed));

    /// <summary>Loads the operands.</summary>
    /// <param name="backend">Where; must outlive the run.</param>
    /// <param name="shape">Of <see cref="OpShapes"/>.</param>
    /// <param name="compute">F32, BF16 or I8: type of the products, and of the weights.</param>
    /// <param name="seed">Of the random operands.</param>
    /// <exception cref="BackendException">Out of memory.</exception>
    public static OpRun Prepare(Backend backend, OpShape shape, DType compute, long seed = 1) => shape switch
    {
        MatMulShape matMul => new MatMulRun(backend, matMul, compute, seed),
        GatedMatMulShape gated => new GatedMatMulRun(backend, gated, compute, seed),
        AttentionShape attention => new AttentionRun(backend, attention, compute, seed),
        RopeAttentionShape rotated => new RopeAttentionRun(backend, rotated, compute, seed),
        ScoreShape score => new ScoreRun(backend, score, compute, seed),
        AddRmsNormShape norm => new AddRmsNormRun(backend, norm, compute, seed),
        SaeEncodeShape sae => new SaeEncodeRun(backend, sae, compute, seed),
        _ => throw new ArgumentException($"there is no run for a {shape.GetType().Name}", nameof(shape)),
    };

    /// <summary>What is run.</summary>
    public OpShape Shape { get; }

    /// <summary>Type of the products.</summary>
    public DType Compute { get; }

    /// <summary>The last rows, by which variants are compared: the reference would take long for all.</summary>
    public int SampleRows => Math.Min(Shape is SaeEncodeShape ? 2 : 4, Shape.Rows);

    /// <summary>What the last <see cref="SampleRows"/> rows came to when they were compared last; of an operand, its products with a few columns.</summary>
    public float[] LastRows { get; private set; } = [];

    /// <summary>How far <see cref="LastRows"/> lie from the reference.</summary>
    public OpError Error { get; private set; }

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
        Verify(variant, onSample);
    }

    /// <summary>Calls with outputs that were filled with NaN before, so that nothing of an earlier call is taken for the outcome, and compares with the reference.</summary>
    /// <exception cref="BackendException">It does not agree.</exception>
    public void Verify(string variant, bool onSample)
    {
        Reset();
        foreach (var output in Outputs) Poison(output);
        if (onSample) CallSample();
        else Call();
        LastRows = ReadSample(onSample ? SampleRows : Shape.Rows);
        double error = Difference(_expected ??= Reference(), LastRows);
        Error = Largest(_expected, LastRows);
        if (!(error <= Tolerated))
        {
            throw new BackendException(Backend.Name,
                $"{Shape.Op.Name()}={variant} differs by {error:G2} from the reference on {Shape.Name} in {Compute}; it is not timed, please report it");
        }
    }

    /// <summary>The backend that computes.</summary>
    private protected Backend Backend { get; }

    /// <summary>What calls write.</summary>
    private protected abstract IEnumerable<DeviceBuffer> Outputs { get; }

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
        RandomWeights.Slice("random weights", name, Compute == DType.I8 ? DType.BF16 : Compute, [outputs, inputs], 0, 1 / Math.Sqrt(inputs), _seed);

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
        using var run = Prepare(reference, Shape, Compute, _seed);
        run.CallSample();
        return run.ReadSample(SampleRows);
    }

    private void Poison(DeviceBuffer buffer)
    {
        const int Piece = 1 << 20;
        float[] nothing = [.. Enumerable.Repeat(float.NaN, (int)Math.Min(buffer.Length, Piece))];
        for (long start = 0; start < buffer.Length; start += Piece)
        {
            int count = (int)Math.Min(Piece, buffer.Length - start);
            Backend.Upload(nothing.AsSpan(..count), new Tensor(buffer, start, 1, count, count));
        }
    }

    private static OpError Largest(float[] expected, float[] actual)
    {
        const double Least = 1e-8;
        double absolute = 0, relative = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs((double)actual[i] - expected[i]);
            absolute = Math.Max(absolute, error);
            relative = Math.Max(relative, error / Math.Max(Math.Abs((double)expected[i]), Least));
        }
        return new OpError(absolute, relative);
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
