using SparseRM.Backends;
using SparseRM.Backends.Reference;
using SparseRM.Errors;
using SparseRM.Interop;
using SparseRM.Tensors;

namespace SparseRM.Conformance;

public class NativeBackendTests
{
    [Fact]
    public void Says_what_it_runs_on()
    {
        using var backend = NativeBackend.Open(3);
        Assert.Equal("cpu", backend.Name);
        Assert.StartsWith("cpu: 3 threads, ", backend.Description);
    }

    [Fact]
    public void Selects_the_last_supported_and_proven_variant_but_no_bf16_products_on_Intel_and_begins_with_scalar()
    {
        bool isIntel = File.Exists("/proc/cpuinfo") && File.ReadLines("/proc/cpuinfo").Any(line => line.StartsWith("vendor_id") && line.EndsWith("GenuineIntel"));
        using var backend = NativeBackend.Open(1);
        foreach (var op in Enum.GetValues<OpKind>())
        {
            var variants = backend.Variants(op);
            Assert.Equal(("scalar", true), (variants[0].Name, variants[0].Supported));
            Assert.Equal(variants.Last(v => v.Supported && v.Proven && !(isIntel && v.Name == "avx512_bf16")), Assert.Single(variants, v => v.Selected));
        }
    }

    /// <summary>Whatever this machine can run: the tables say it.</summary>
    [Theory]
    [InlineData(OpKind.MatMul, DType.F32, "avx512_bf16=avx512", "amx_bf16=avx512", "avx512_vnni=avx512", "avx_vnni=avx2", "avx512=avx512")]
    [InlineData(OpKind.MatMul, DType.BF16, "avx512_bf16=avx512_bf16", "amx_bf16=amx_bf16", "avx512_vnni=avx512", "avx_vnni=avx2", "scalar=scalar")]
    [InlineData(OpKind.GatedMatMul, DType.I8, "avx512_bf16=avx512_vnni", "amx_bf16=amx_bf16", "avx512_vnni=avx512_vnni", "avx_vnni=avx_vnni", "avx2=avx2")]
    [InlineData(OpKind.Attention, DType.F32, "avx512_bf16=avx512", "avx512=avx512", "avx2=avx2")]
    [InlineData(OpKind.Attention, DType.BF16, "avx512_bf16=avx512_bf16")]
    [InlineData(OpKind.RmsNorm, DType.BF16, "avx512=avx512")]
    public void Tells_whose_kernels_compute_in_a_type(OpKind op, DType compute, params string[] expected)
    {
        Assert.SkipUnless(System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64, "the variants are x64's");
        using var backend = NativeBackend.Open(1);
        Assert.All(expected, pair => Assert.Equal(pair.Split('=')[1], backend.Computing(op, pair.Split('=')[0], compute)));
    }

    [Fact]
    public void Refuses_an_unknown_variant_and_lists_those_it_has()
    {
        using var backend = NativeBackend.Open(1);
        var error = Assert.Throws<BackendException>(() => backend.Select(OpKind.MatMul, "sse9"));
        Assert.StartsWith("cpu: MatMul has no variant \"sse9\"; it can run: scalar", error.Message);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1025)]
    [InlineData(int.MaxValue)]
    public void Refuses_a_senseless_number_of_threads(int threads)
    {
        var error = Assert.Throws<BackendException>(() => NativeBackend.Open(threads));
        Assert.Contains("the number of threads must lie between 0 (all processors) and 1024", error.Message);
    }

    [Fact]
    public void Refuses_more_memory_than_there_is() =>
        Assert.Contains("floats were asked for", Assert.Throws<BackendException>(() => NativeBackend.Open(1).Allocate(long.MaxValue / 2)).Message);

    [Fact]
    public void Refuses_operands_that_do_not_fit_or_belong_to_another_backend()
    {
        using var rig = new Rig(TestedBackends.Cpu, false, 1);
        var (a, b) = (rig.Random(2, 3), rig.Random(2, 4));
        Assert.Throws<ShapeMismatchException>(() => rig.Native.Add(a.Actual, b.Actual, b.Actual));
        Assert.Throws<ArgumentException>(() => rig.Native.Add(a.Expected, a.Actual, a.Actual));
        Assert.Throws<ShapeMismatchException>(() => rig.Native.Upload(new float[5], a.Actual));
        var outside = a.Actual with { Rows = 1000 };
        Assert.Contains("reaches outside its buffer", Assert.Throws<ShapeMismatchException>(() => rig.Native.Add(outside, outside, outside)).Message);
        var matrix = new ReferenceBackend().LoadMatrix([new(rig.Files.Write([1, 2, 3], DType.F32, 1, 3))], DType.F32);
        var operand = rig.Packed(a, DType.F32);
        Assert.Throws<ArgumentException>(() => rig.Native.MatMul(operand.Actual, new Product(matrix, null, rig.Guarded(2, 1))));
        Assert.Throws<ArgumentException>(() => rig.Native.Pack(a.Actual, operand.Expected));
        var halves = rig.Packed(a, DType.BF16).Actual;
        var native = rig.Load(DType.F32, new MatrixPart(rig.Files.Write([1, 2, 3], DType.F32, 1, 3))).Actual;
        var other = Assert.Throws<ShapeMismatchException>(() => rig.Native.MatMul(halves, new Product(native, null, rig.Guarded(2, 1))));
        Assert.Contains("x is BF16 [2, 3], the matrix computes in F32", other.Message);
        Assert.Throws<ShapeMismatchException>(() => rig.Native.Pack(a.Actual, operand.Actual with { Rows = 3 }));
        Assert.Throws<ShapeMismatchException>(() => rig.Native.Pack(b.Actual, new(rig.Native.Allocate(9), 2, 4, DType.F32)));
    }

    [Fact]
    public void Says_so_when_something_disposed_is_used()
    {
        using var files = new WeightFiles();
        var backend = NativeBackend.Open(2);
        var buffer = backend.Allocate(4);
        var x = new Tensor(buffer, 0, 2, 2, 2);
        var matrix = backend.LoadMatrix([new(files.Write([1, 2, 3, 4], DType.F32, 2, 2))], DType.F32);
        var table = backend.OpenEmbedding(files.Write([1, 2, 3, 4], DType.F32, 2, 2));
        matrix.Dispose();
        table.Dispose();
        var operand = new Operand(backend.Allocate(Operand.Length(2, 2)), 2, 2, DType.F32);
        Assert.Throws<ObjectDisposedException>(() => backend.MatMul(operand, new Product(matrix, null, x)));
        operand.Buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Pack(x, operand));
        Assert.Throws<ObjectDisposedException>(() => backend.Embed(table, [0, 0], 1, x));
        buffer.Dispose();
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Add(x, x, x));
        var later = backend.Allocate(4);
        backend.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Allocate(4));
        Assert.Throws<ObjectDisposedException>(() => backend.GatherRows(new Tensor(later, 0, 2, 2, 2), [0, 1], new Tensor(later, 0, 2, 2, 2)));
        later.Dispose();  // a buffer may outlive its backend
    }

    [Fact]
    public void An_op_allocates_nothing()
    {
        using var rig = new Rig(TestedBackends.Cpu, false, 2);
        var w = rig.Load(DType.F32, new MatrixPart(rig.Files.Write(rig.Random(12), DType.F32, 3, 4))).Actual;
        var (x, y, bias) = (rig.Random(2, 4), rig.Empty(2, 3), rig.Random(1, 3));
        var (operand, gated) = (rig.Operand(2, 4, DType.F32).Actual, rig.Operand(2, 3, DType.F32).Actual);
        var segment = new AttentionSegment(0, 2, 0, 0, 0, 2);
        void Run()
        {
            rig.Native.AddRmsNorm(x.Actual, null, null, x.Actual.RowRange(0, 1), 1e-5f, 0, operand);
            rig.Native.MatMul(operand, new Product(w, bias.Actual, y.Actual), new Product(w, null, y.Actual));
            rig.Native.GatedMatMul(operand, w, w, GatedActivationKind.Silu, gated);
            rig.Native.Add(x.Actual, x.Actual, x.Actual);
            rig.Native.Attention(x.Actual, x.Actual, x.Actual, [0, 1], [segment], new(1, 1, 4, 1, 0, 0), operand);
        }
        for (int i = 0; i < 50; i++) Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
