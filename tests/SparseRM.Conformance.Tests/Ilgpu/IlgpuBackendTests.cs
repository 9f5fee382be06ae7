using SparseRM.Backends;
using SparseRM.Backends.Reference;
using SparseRM.Errors;
using SparseRM.Ilgpu;
using SparseRM.Ilgpu.Devices;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ilgpu;

public class IlgpuBackendTests
{
    private static IlgpuBackend Cpu => IlgpuBackend.Open(TestedBackends.IlgpuCpu, 1);

    [Fact]
    public void Says_what_it_runs_on()
    {
        using var backend = IlgpuBackend.Open("ilgpu:cpu", 3);
        Assert.Equal("ilgpu:cpu", backend.Name);
        Assert.Equal("ilgpu:cpu: ILGPU's CPU accelerator, 3 threads; for tests of the kernels, which have never run on a GPU", backend.Description);
    }

    [Fact]
    public void Every_op_has_variants_of_which_the_last_supported_is_selected()
    {
        using var backend = Cpu;
        foreach (var op in Enum.GetValues<OpKind>())
        {
            var variants = backend.Variants(op);
            Assert.Equal(variants.Last(v => v.Supported), Assert.Single(variants, v => v.Selected));
        }
        Assert.Contains(new KernelVariant("mma_sync", false, false), backend.Variants(OpKind.MatMul));
        Assert.Contains(new KernelVariant("mma_sync", false, false), backend.Variants(OpKind.GatedMatMul));
    }

    [Fact]
    public void The_table_without_a_device_is_the_one_with_it()
    {
        using var backend = Cpu;
        foreach (var op in Enum.GetValues<OpKind>())
        {
            Assert.Equal(backend.Variants(op).Select(v => v.Name), IlgpuBackend.Table(op).Select(v => v.Name));
            Assert.DoesNotContain(IlgpuBackend.Table(op), v => v.Supported || v.Selected);
        }
    }

    [Fact]
    public void Times_a_call_by_the_hosts_clock_and_other_devices_between_two_markers()
    {
        using var backend = Cpu;
        Assert.InRange(backend.Time(() => Thread.Sleep(30)), 0.03, 3);
        using var device = new IlgpuDevice(DeviceName.Parse("ilgpu:cpu"), 1, 1);
        Assert.InRange(device.Time(() => Thread.Sleep(30)), 0.025, 3);  // the markers' clock is the calendar's
        Assert.InRange(device.Time(() => { }), 0, 0.02);
        device.Dispose();
        Assert.Throws<ObjectDisposedException>(() => device.Time(() => { }));
    }

    [Fact]
    public void Refuses_an_unknown_variant_and_one_that_needs_tensor_cores()
    {
        using var backend = Cpu;
        var unknown = Assert.Throws<BackendException>(() => backend.Select(OpKind.MatMul, "sse9"));
        Assert.Equal("ilgpu:cpu: MatMul has no variant \"sse9\"; it can run: naive, tiled, register_block", unknown.Message);
        var missing = Assert.Throws<BackendException>(() => backend.Select(OpKind.MatMul, "mma_sync"));
        Assert.StartsWith("ilgpu:cpu: this device cannot run variant \"mma_sync\" of MatMul; it can run: naive", missing.Message);
    }

    [Theory]
    [InlineData("ilgpu")]
    [InlineData("ilgpu:")]
    [InlineData("ilgpu:cpu:0")]
    [InlineData("ilgpu:cuda")]
    [InlineData("ilgpu:cuda:-1")]
    [InlineData("ilgpu:cuda: 1")]
    [InlineData("ilgpu:cuda:99999999999")]
    [InlineData("ilgpu:metal:0")]
    [InlineData("cuda:0")]
    public void Refuses_a_name_that_is_none(string name) =>
        Assert.Equal(
            $"{name}: is no name of an ILGPU device; write ilgpu:cpu, ilgpu:cuda:0 or ilgpu:opencl:0",
            Assert.Throws<BackendNameException>(() => IlgpuBackend.Open(name)).Message);

    [Theory]
    [InlineData("ilgpu:cuda:63", "looked for CUDA device 63 of the driver (libcuda.so.1 and libcuda.so); found ")]
    [InlineData("ilgpu:opencl:63", "looked for OpenCL device 63 with a generic address space; found ")]
    public void Says_what_was_looked_for_and_what_was_found(string name, string sentence)
    {
        string message = Assert.Throws<BackendException>(() => IlgpuBackend.Open(name)).Message;
        Assert.StartsWith($"{name}: {sentence}", message);
        Assert.EndsWith("ilgpu:cpu runs anywhere", message);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1025)]
    public void Refuses_a_senseless_number_of_threads(int threads) =>
        Assert.Contains(
            "the number of threads must lie between 0 (all processors) and 1024",
            Assert.Throws<BackendException>(() => IlgpuBackend.Open("ilgpu:cpu", threads)).Message);

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(512)]
    public void Refuses_a_number_of_lanes_that_no_group_has(int lanes) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => IlgpuBackend.Open("ilgpu:cpu", 1, lanes));

    [Fact]
    public void Refuses_more_memory_than_there_is()
    {
        using var backend = Cpu;
        Assert.Contains("floats was asked for", Assert.Throws<BackendException>(() => backend.Allocate(long.MaxValue / 2)).Message);
        Assert.Contains("floats was asked for", Assert.Throws<BackendException>(() => backend.Allocate(1L << 50)).Message);
        backend.Allocate(10).Dispose();
    }

    [Theory]
    [InlineData("tiled")]
    [InlineData("register_block")]
    public void Gate_and_up_of_different_types_and_a_result_of_another_are_composed(string variant)
    {
        using var rig = new Rig(TestedBackends.IlgpuCpu, OpKind.GatedMatMul, variant, false, 1);
        var x = rig.Packed(rig.Random(5, 12), DType.F32).Actual;
        Matrix Load(DType stored) => rig.Load(DType.F32, new MatrixPart(rig.Files.Write(rig.Random(7 * 12), stored, 7, 12))).Actual;
        var (single, half) = (Load(DType.F32), Load(DType.BF16));
        foreach (var (gate, up, compute) in new[] { (single, half, DType.F32), (half, single, DType.F32), (half, half, DType.BF16) })
        {
            var (fused, composed) = (rig.Operand(5, 7, compute).Actual, rig.Operand(5, 7, compute).Actual);
            var (g, u) = (rig.Guarded(5, 7), rig.Guarded(5, 7));
            rig.Native.GatedMatMul(x, gate, up, GatedActivationKind.Silu, fused);
            rig.Native.MatMul(x, new Product(gate, null, g), new Product(up, null, u));
            rig.Native.GatedActivation(g, u, GatedActivationKind.Silu, composed);
            TensorAssert.SameBits(rig.Read(rig.Native, composed), rig.Read(rig.Native, fused));
        }
        rig.CheckGuards();
    }

    [Fact]
    public void Refuses_heads_that_no_group_can_hold()
    {
        using var rig = new Rig(TestedBackends.IlgpuCpu, false, 1);
        var (x, y) = (rig.Random(1, 520), rig.Operand(1, 520, DType.F32));
        var error = Assert.Throws<BackendException>(
            () => rig.Native.Attention(x.Actual, x.Actual, x.Actual, [0], [new(0, 1, 0, 0, 0, 1)], new(1, 1, 520, 1, 0, 0), y.Actual));
        Assert.Equal("ilgpu:cpu: Attention: heads of 520; at most 512 are computed here", error.Message);
    }

    [Fact]
    public void Refuses_operands_that_do_not_fit_or_belong_to_another_backend()
    {
        using var rig = new Rig(TestedBackends.IlgpuCpu, false, 1);
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
    }

    [Fact]
    public void Says_so_when_something_disposed_is_used()
    {
        using var files = new WeightFiles();
        var backend = Cpu;
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
        backend.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Allocate(4));
        Assert.Throws<ObjectDisposedException>(() => backend.GatherRows(new Tensor(later, 0, 2, 2, 2), [0, 1], new Tensor(later, 0, 2, 2, 2)));
        later.Dispose();  // a buffer may outlive its backend
    }
}
