using System.Globalization;
using SparseRM.Backends;
using SparseRM.Backends.Reference;
using SparseRM.Errors;
using SparseRM.Interop;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking.Ab;

/// <summary>Whether a kernel of one's own computes products, and nothing else: seen in another process, which it may crash or hang.</summary>
public static class KernelCheck
{
    /// <summary>Seconds that a kernel has for one step unless said otherwise.</summary>
    public const double DefaultLimit = 60;

    private const string Done = "right";
    private const int Margin = 67; // odd, so that rows are misaligned
    private const float Mark = -12345.678f;

    // Of products, and of the weights as they are stored.
    private static readonly (DType Compute, DType Stored)[] s_types =
        [(DType.F32, DType.F32), (DType.F32, DType.BF16), (DType.BF16, DType.BF16), (DType.I8, DType.BF16)];

    /// <summary>The backend that a kernel is run by.</summary>
    /// <param name="path">The kernel.</param>
    /// <param name="asked">What the user asked for; null or <c>auto</c> for the kernel's own.</param>
    /// <exception cref="SparseRMException">That backend cannot run it.</exception>
    public static string Backend(string path, string? asked)
    {
        string own = OwnKernel.Backend(path);
        if (asked is null or "auto") return own;
        bool isForGpu = BackendCatalog.IsGpu(own);
        if (isForGpu ? asked.StartsWith("cuda", StringComparison.Ordinal) : asked == own) return asked;
        throw new SparseRMException(ErrorKind.Usage, $"the kernel {path} runs on {(isForGpu ? "cuda:N" : own)}, not on {asked}: name that backend, or none");
    }

    /// <summary>Has it checked.</summary>
    /// <param name="path">The shared library, or PTX.</param>
    /// <param name="backend">As <see cref="Backend"/> says.</param>
    /// <param name="limit">Seconds that it has for a step.</param>
    /// <param name="cancel">Heard at once; the process is ended.</param>
    /// <returns>Products that were compared.</returns>
    /// <exception cref="SparseRMException">It is no kernel, or does something else than it should; says what.</exception>
    public static int Run(string path, string backend, double limit, CancellationToken cancel = default)
    {
        var process = Child.Start("kernels", "check", path, "--here", "--backend", backend);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            for (int done = 0; ; done++)
            {
                if (Child.Answer(process, errors, limit, $"the kernel {path}", cancel) == Done) return done;
            }
        }
        finally
        {
            Child.End(process);
        }
    }

    /// <summary>Checks it in this process.</summary>
    /// <param name="path">The shared library, or PTX.</param>
    /// <param name="backend">As <see cref="Backend"/> says.</param>
    /// <param name="step">Told of each product that was right, and of the end.</param>
    /// <exception cref="BackendException">As above.</exception>
    public static void Here(string path, string backend, Action<string> step)
    {
        OwnKernel.Load(path);
        Func<int, Backend> open = threads => BackendCatalog.Open(backend, threads);
        int types = 0;
        foreach (var (compute, stored) in s_types)
        {
            if (!Takes(open, compute, stored)) continue;
            types++;
            foreach (int inputs in new[] { 1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 64, 65, 130, 301 }) CheckOne(7, inputs, 67);
            foreach (int outputs in new[] { 1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 130 }) CheckOne(13, 40, outputs);
            for (int rows = 1; rows <= 13; rows++) CheckOne(rows, 96, 64);
            CheckOne(600, 40, 70);

            void CheckOne(int rows, int inputs, int outputs) => Check(open, path, compute, stored, rows, inputs, outputs, step);
        }
        step(types > 0 ? Done : throw Wrong(path, "takes no products of f32, bf16 or int8"));
    }

    private static bool Takes(Func<int, Backend> open, DType compute, DType stored)
    {
        using var backend = open(1);
        if (backend.Refusal(compute) is not null) return false;
        backend.Select(OpKind.MatMul, OwnKernel.Variant);
        try
        {
            using var w = backend.LoadMatrix([new MatrixPart(Weights(1, 1, stored))], compute);
            using var buffer = backend.Allocate(4);
            backend.MatMul(new Operand(buffer, 1, 1, compute), new Product(w, null, new Tensor(buffer, 3, 1, 1, 1)));
            return backend.Computed(OpKind.MatMul) == OwnKernel.Variant;
        }
        catch (BackendException error) when (error.Message.Contains("takes no products of this type"))
        {
            return false;
        }
    }

    private static Weights.WeightSlice Weights(int outputs, int inputs, DType stored) => RandomWeights.Slice("random weights", "w", stored, [outputs, inputs], 0, 1, 1);

    /// <summary>One product with a bias, by one thread and by three, all rows and the last alone, between marks.</summary>
    private static void Check(Func<int, Backend> open, string path, DType compute, DType stored, int rows, int inputs, int outputs, Action<string> step)
    {
        string what = $"{rows} x {inputs} times {inputs} x {outputs} in {compute.ComputeName()}{(compute == DType.F32 ? $" with weights of {stored.ComputeName()}" : "")}";
        var part = new MatrixPart(Weights(outputs, inputs, stored));
        float[] x = Numbers(rows * inputs, 3), bias = Numbers(outputs, 5);
        using var reference = new ReferenceBackend();
        float[] expected = Product(reference, part, compute, x, rows, inputs, outputs, bias, path, what);
        float[]? before = null;
        foreach (int threads in new[] { 1, 3 })
        {
            using var backend = open(threads);
            backend.Select(OpKind.MatMul, OwnKernel.Variant);
            float[] found = Product(backend, part, compute, x, rows, inputs, outputs, bias, path, what);
            Compare(expected, found, compute, inputs, path, what);
            if (before is not null && !Same(before, found)) throw Wrong(path, $"gives other bits the second time, with other threads where it runs on the processor, for {what}");
            before = found;
            float[] last = Product(backend, part, compute, x[^inputs..], 1, inputs, outputs, bias, path, what);
            if (!Same(found.AsSpan(^outputs..), last)) throw Wrong(path, $"gives a row other bits alone than among {rows} for {what}; a row's bits must not depend on its batch");
        }
        step(what);
    }

    private static float[] Product(
        Backend backend, MatrixPart part, DType compute, float[] x, int rows, int inputs, int outputs, float[] bias, string path, string what)
    {
        using var w = backend.LoadMatrix([part], compute);
        int stride = outputs + 5, length = Margin + rows * stride + Margin;
        using var memory = backend.Allocate(length);
        using var from = backend.Allocate((long)rows * inputs);
        using var packed = backend.Allocate(Operand.Length(rows, inputs));
        using var added = backend.Allocate(outputs);
        var all = new Tensor(memory, 0, 1, length, length);
        var y = new Tensor(memory, Margin, rows, outputs, stride);
        backend.Upload([.. Enumerable.Repeat(Mark, length)], all);
        backend.Upload([.. Enumerable.Repeat(float.NaN, rows * outputs)], y);
        var (rowsOfX, b, operand) = (new Tensor(from, 0, rows, inputs, inputs), new Tensor(added, 0, 1, outputs, outputs), new Operand(packed, rows, inputs, compute));
        backend.Upload(x, rowsOfX);
        backend.Upload(bias, b);
        backend.Pack(rowsOfX, operand);
        backend.MatMul(operand, new Backends.Product(w, b, y));
        var (found, around) = (new float[rows * outputs], new float[length]);
        backend.Download(y, found);
        backend.Download(all, around);
        for (int i = 0; i < length; i++)
        {
            int at = i - Margin;
            bool inside = at >= 0 && at / stride < rows && at % stride < outputs;
            if (!inside && around[i] != Mark) throw Wrong(path, $"writes outside of y, at element {at} of rows of {stride}, for {what}");
            if (inside && float.IsNaN(around[i])) throw Wrong(path, $"leaves row {at / stride}, output {at % stride} of y unwritten, or NaN, for {what}");
        }
        return found;
    }

    /// <summary>Within c sqrt(n) u of the sum of sizes, c = 8 (Higham and Mary 2019); in int8 sums are exact.</summary>
    private static void Compare(float[] expected, float[] found, DType compute, int inputs, string path, string what)
    {
        const double U = 1.0 / (1 << 24), C = 8, Size = 3; // of a product: both factors are of [-sqrt 3, sqrt 3]
        double bound = compute == DType.I8 ? 0 : C * Math.Sqrt(inputs) * U * inputs * Size;
        for (int i = 0; i < expected.Length; i++)
        {
            if (Math.Abs(expected[i] - (double)found[i]) <= bound) continue;
            throw Wrong(path, string.Create(CultureInfo.InvariantCulture, $"gives {found[i]:R} where the reference has {expected[i]:R} for {what}"));
        }
    }

    private static bool Same(ReadOnlySpan<float> a, ReadOnlySpan<float> b) =>
        System.Runtime.InteropServices.MemoryMarshal.AsBytes(a).SequenceEqual(System.Runtime.InteropServices.MemoryMarshal.AsBytes(b));

    private static float[] Numbers(int count, int seed)
    {
        var random = new Fitting.SeededRandom(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() * 2 - 1) * MathF.Sqrt(3))];
    }

    private static BackendException Wrong(string path, string problem) => new(OwnKernel.Backend(path), $"the kernel {path} {problem}");
}
