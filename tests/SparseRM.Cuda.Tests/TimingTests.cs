using SparseRM.Backends;
using SparseRM.Benchmarking.Ops;
using SparseRM.Errors;
using SparseRM.Interop.Cuda;
using SparseRM.Tensors;

namespace SparseRM.Cuda;

/// <summary>Times are the device's own, behind an emptied cache. By the mock's made-up clock a piece of work takes a microsecond.</summary>
[Collection("mock driver")]  // one for the process, so one test at a time
public sealed class TimingTests : IDisposable
{
    private const int InvalidValue = 1, OutOfMemory = 2, IllegalAddress = 700, Clock = 1_980_000, MemoryClock = 2_619_000;

    public TimingTests()
    {
        Scenario.RequireKernels();
        MockDriver.Violations();
    }

    public void Dispose()
    {
        MockDriver.Set("capability", 90);
        MockDriver.Set("clock", Clock);
        MockDriver.Set("memory_clock", MemoryClock);
        MockDriver.Fail("*", 0, 0);
        Assert.Equal(0, MockDriver.Alive());
    }

    [Fact]
    public void A_time_is_that_of_the_launches_alone_and_each_comes_after_a_memset()
    {
        using (var backend = CudaBackend.Open())
        {
            using var buffer = backend.Allocate(4);
            var x = new Tensor(buffer, 0, 1, 4, 4);
            backend.Add(x, x, x);  // still queued when the first mark is
            int memsets = MockDriver.Count("cuMemsetD8Async");
            Assert.Equal(5e-6, backend.Time(() => Add(5)), 1e-9);
            Assert.Equal(1e-6, backend.Time(() => Add(1)), 1e-9);
            Assert.Equal(0, backend.Time(() => { }));
            Assert.Equal(memsets + 3, MockDriver.Count("cuMemsetD8Async"));

            void Add(int times)
            {
                for (int i = 0; i < times; i++) backend.Add(x, x, x);
            }
        }
        Assert.Equal("", MockDriver.Violations());
    }

    [Fact]
    public void Timing_again_asks_the_driver_for_no_memory_and_no_event()
    {
        using var backend = CudaBackend.Open();
        backend.Time(() => { });
        int Asked() => MockDriver.Count("cuMemAlloc_v2") + MockDriver.Count("cuEventCreate");
        int before = Asked();
        for (int i = 0; i < 3; i++) backend.Time(() => { });
        Assert.Equal(before, Asked());
    }

    [Theory]
    [InlineData(OutOfMemory)]
    [InlineData(InvalidValue)]
    [InlineData(IllegalAddress)]
    public void Whatever_call_fails_while_timing_is_one_sentence_and_leaves_nothing(int code)
    {
        int failures = 0;
        bool isOver = false;
        for (int call = 0; call < 100; call++)
        {
            MockDriver.Fail("*", call, code);
            try
            {
                using var backend = CudaBackend.Open("cuda:0");
                using var buffer = backend.Allocate(4);
                var x = new Tensor(buffer, 0, 1, 4, 4);
                Assert.Equal(1e-6, backend.Time(() => backend.Add(x, x, x)), 1e-9);
                Assert.NotEmpty(backend.MeasurePeaks(0));
                isOver = true;
            }
            catch (BackendException error)
            {
                (isOver, failures) = (false, failures + 1);
                Assert.StartsWith("cuda:0: ", error.Message);
                Assert.DoesNotContain("\n", error.Message);
            }
            Assert.Equal(0, MockDriver.Alive());
        }
        Assert.True(isOver && failures > 15, $"{failures} calls failed");
        MockDriver.Violations();
    }

    [Theory]
    [InlineData(80, 128, 2048)]
    [InlineData(86, 256, 1024)]
    [InlineData(89, 256, 1024)]
    [InlineData(90, 256, 4096)]
    public void Peaks_are_clock_times_multiprocessors_times_the_architectures_operations(int capability, int f32, int bf16)
    {
        MockDriver.Set("capability", capability);
        using var backend = CudaBackend.Open();
        double cycles = 132 * 1.98e9;
        // 5120 bits of 2 transfers a cycle: 1280 bytes at 2.619 GHz.
        Assert.Equal(
            [
                new Peak(PeakKind.F32, "fma", f32 * cycles, true), new Peak(PeakKind.BF16, "mma", bf16 * cycles, true),
                new Peak(PeakKind.Read, "dram", 1280 * 2.619e9, true),
            ],
            backend.MeasurePeaks(0.2));
    }

    [Fact]
    public void What_the_driver_does_not_tell_is_no_peak()
    {
        MockDriver.Set("capability", 120);
        using (var backend = CudaBackend.Open()) Assert.Equal(["dram"], backend.MeasurePeaks(0.2).Select(peak => peak.Name));
        MockDriver.Set("capability", 90);
        MockDriver.Set("clock", 0);
        using (var backend = CudaBackend.Open()) Assert.Equal(["dram"], backend.MeasurePeaks(0.2).Select(peak => peak.Name));
        MockDriver.Set("memory_clock", 0);
        using (var backend = CudaBackend.Open()) Assert.Empty(backend.MeasurePeaks(0.2));
    }

    [Fact]
    public void Every_variant_of_the_small_shapes_is_timed_or_said_not_to_be()
    {
        var options = new OpBenchOptions { Backend = "cuda:0", Shapes = OpShapes.Named("miniworld"), Seconds = 0 };
        var result = OpBenchmark.Run(options);
        using var backend = CudaBackend.Open();
        var expected =
            from shape in options.Shapes
            from compute in options.Types
            from variant in backend.Variants(shape.Op)
            where backend.Computing(shape.Op, variant.Name, compute) == variant.Name  // others have no kernel for the type
            select (shape, compute, variant.Name);
        var timed = result.Timings.Select(row => (row.Shape, row.Compute, row.Variant));
        var left = result.NotTimed.Select(row => (row.Shape, row.Compute, row.Variant)).ToArray();
        Assert.Equal(expected.Except(left), timed);
        // What is left out would have been computed by another: in BF16 that is attention with heads of 48.
        Assert.All(result.NotTimed, row => Assert.Matches($@"^{row.Variant} does not take these operands; \w+ computes them$", row.Problem));
        Assert.Equal(["flash", "rope_pack"], result.NotTimed.Where(row => row.Compute == DType.BF16).Select(row => row.Variant));
        Assert.All(result.Timings, row => Assert.InRange(row.Seconds.Median, 1e-6, 1e-4));  // of launches, by the mock's clock
        Assert.All(result.Timings.Where(row => row.Shape.IsArithmetic), row => Assert.Equal(
            (row.Compute == DType.BF16 ? 4096 : 256) * 132 * 1.98e9, row.Peak));
    }

    [Fact]
    public void The_table_without_a_device_is_the_one_with_it()
    {
        using var backend = CudaBackend.Open();
        foreach (var op in Enum.GetValues<OpKind>())
        {
            var (with, without) = (backend.Variants(op), CudaBackend.Table(op));
            Assert.Equal(with.Select(Facts), without.Select(Facts));
            Assert.DoesNotContain(without, variant => variant.Supported || variant.Selected);
        }

        static (string, bool, bool) Facts(KernelVariant variant) => (variant.Name, variant.Proven, variant.BatchInvariant);
    }
}
