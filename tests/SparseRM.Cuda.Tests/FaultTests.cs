using SparseRM.Errors;
using SparseRM.Interop.Cuda;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Cuda;

/// <summary>Every fault is one sentence; nothing leaks; what can go on goes on.</summary>
[Collection("mock driver")]  // one for the process, so one test at a time
public sealed class FaultTests : IDisposable
{
    private static readonly int[] s_codes =
        [1, 2, 3, 46, 100, 101, 200, 201, 209, 214, 218, 220, 222, 400, 500, 700, 701, 702, 709, 710, 714, 715, 716, 717, 718, 719, 801, 900, 999];

    // Without those that give something back: no program can do anything about that.
    private static readonly string[] s_functions =
    [
        "cuDriverGetVersion", "cuInit", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute", "cuDevicePrimaryCtxRetain",
        "cuCtxSetCurrent", "cuMemGetInfo_v2", "cuMemAlloc_v2", "cuMemHostAlloc", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuMemsetD8Async",
        "cuModuleLoadDataEx", "cuModuleGetFunction", "cuFuncSetAttribute", "cuLaunchKernel", "cuStreamCreate", "cuStreamSynchronize", "cuEventCreate",
        "cuEventRecord", "cuEventSynchronize",
    ];

    private const int OutOfMemory = 2, InvalidValue = 1, DeviceUnavailable = 46, IllegalAddress = 700, LaunchFailed = 719;

    public FaultTests()
    {
        Scenario.RequireKernels();
        MockDriver.Violations();
    }

    public void Dispose()
    {
        MockDriver.Set("version", 12040);
        MockDriver.Set("devices", 1);
        MockDriver.Set("capability", 90);
        MockDriver.Set("memory", 1L << 30);
        MockDriver.Fail("*", 0, 0);
        Environment.SetEnvironmentVariable(CudaBackend.DriverVariable, MockDriver.Path);
        Assert.Equal(0, MockDriver.Alive());
    }

    private static string Refusal(string name = "cuda:0") => Assert.Throws<BackendException>(() => CudaBackend.Open(name).Dispose()).Message;

    [Fact]
    public void A_run_without_faults_leaves_nothing_and_does_nothing_wrong()
    {
        Scenario.Run();
        Assert.Equal((0, ""), (MockDriver.Alive(), MockDriver.Violations()));
    }

    [Fact]
    public void Where_rotations_could_not_grow_they_are_made_again()
    {
        using var backend = CudaBackend.Open();
        using var table = new RopeTable(backend, new RopeConfig(1e4, new RopeScaling("default")), 4);
        Assert.Equal(64, table.For(10).Rows);
        MockDriver.Fail("cuMemcpyHtoDAsync_v2", 0, InvalidValue);
        Assert.Throws<BackendException>(() => table.For(100));
        var values = new float[64 * 4];
        backend.Download(table.For(10), values);
        Assert.Equal(MathF.Cos(1), values[4], 6);
    }

    [Fact]
    public void Says_that_there_is_no_driver()
    {
        Environment.SetEnvironmentVariable(CudaBackend.DriverVariable, "/nowhere/libcuda.so.1");
        Assert.StartsWith("cuda:0: there is no NVIDIA driver: /nowhere/libcuda.so.1", Refusal());
    }

    [Fact]
    public void Says_which_version_a_driver_lacks()
    {
        MockDriver.Set("version", 11080);
        Assert.Equal("cuda:0: the driver supports CUDA 11.8, at least 12.0 is needed; update the NVIDIA driver", Refusal());
    }

    [Fact]
    public void Gives_the_drivers_words_where_there_is_no_device()
    {
        MockDriver.Set("devices", 0);
        Assert.Equal("cuda:0: cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected", Refusal());
    }

    [Theory]
    [InlineData("cuda:-1")]
    [InlineData("cuda:")]
    [InlineData("cuda:+1")]
    [InlineData("cuda:zero")]
    [InlineData("cuda:99999999999")]
    [InlineData("cuda:0:0")]
    public void A_malformed_name_is_refused_before_a_driver_is_looked_for(string name)
    {
        Environment.SetEnvironmentVariable(CudaBackend.DriverVariable, "/nowhere/libcuda.so.1");
        var error = Assert.Throws<BackendNameException>(() => CudaBackend.Open(name));
        Assert.Equal($"{name}: is no device name; use cuda or cuda:N", error.Message);
    }

    [Fact]
    public void Says_that_another_process_holds_the_device()
    {
        MockDriver.Fail("cuDevicePrimaryCtxRetain", 0, DeviceUnavailable);
        Assert.Equal(
            "cuda:0: the device is busy: another process holds it in exclusive mode; cuDevicePrimaryCtxRetain: "
                + "CUDA_ERROR_DEVICE_UNAVAILABLE: CUDA-capable device(s) is/are busy or unavailable", Refusal());
    }

    [Theory]
    [InlineData("cuda:2")]
    [InlineData("cuda:17")]
    public void Lists_the_devices_where_another_is_asked_for(string name)
    {
        MockDriver.Set("devices", 2);
        Assert.Equal($"{name}: there is no such device; this machine has cuda:0, cuda:1", Refusal(name));
    }

    [Fact]
    public void Says_that_there_are_no_kernels_for_an_old_architecture()
    {
        MockDriver.Set("capability", 75);
        Assert.Equal("cuda:0: Mock 0 has compute capability 7.5; there are kernels for 8.0 and later only", Refusal());
    }

    [Theory]
    [InlineData(80, "sm_80")]
    [InlineData(90, "sm_90a")]
    [InlineData(100, "sm_80")]
    public void Takes_the_image_that_the_device_can_run(int capability, string target)
    {
        MockDriver.Set("capability", capability);
        using (var backend = CudaBackend.Open("cuda")) Assert.Contains($"kernels for {target} ", backend.Description);
        Assert.NotEmpty(Scenario.Run());
        Assert.Equal("", MockDriver.Violations());
    }

    [Fact]
    public void Says_how_much_memory_was_needed_and_had_and_goes_on()
    {
        MockDriver.Set("memory", 1 << 20);
        using var backend = CudaBackend.Open();
        using (backend.Allocate(100_000))
        {
            string message = Assert.Throws<BackendException>(() => backend.Allocate(200_000)).Message;
            Assert.Matches(@"^cuda:0: out of memory: 800000 bytes were asked for, \d+ of the device's 1048576 are free$", message);
        }
        backend.Allocate(200_000).Dispose();  // what was kept of the first is given up for it
    }

    [Fact]
    public void Rows_of_a_table_that_has_no_room_come_in_one_copy()
    {
        MockDriver.Set("memory", 16 << 20);
        using var backend = CudaBackend.Open();
        const int Width = 512;
        using var table = backend.OpenEmbedding(SparseRM.Models.RandomWeights.Slice("random weights", "e", DType.F32, [4096, Width], 0, 1, 1));
        int[] ids = [.. Enumerable.Range(0, 40).Select(i => 100 * i)];
        using var buffer = backend.Allocate(ids.Length * Width);
        int before = MockDriver.Count("cuMemcpyHtoDAsync_v2");
        backend.Embed(table, ids, 1, new Tensor(buffer, 0, ids.Length, Width, Width));
        backend.Download(new Tensor(buffer, 0, ids.Length, Width, Width), new float[ids.Length * Width]);
        // The rows, and which of them is whose.
        Assert.Equal(2, MockDriver.Count("cuMemcpyHtoDAsync_v2") - before);
    }

    [Theory]
    [InlineData(IllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered")]
    [InlineData(LaunchFailed, "CUDA_ERROR_LAUNCH_FAILED: unspecified launch failure")]
    public void Says_that_the_context_is_lost_and_refuses_further_calls(int code, string words)
    {
        using (var backend = CudaBackend.Open())
        {
            using var buffer = backend.Allocate(4);
            var x = new Tensor(buffer, 0, 1, 4, 4);
            MockDriver.Fail("cuStreamSynchronize", 0, code);
            var error = Assert.Throws<BackendException>(() => backend.Download(x, new float[4]));
            Assert.Equal($"cuda:0: cuStreamSynchronize: {words}; the device's context is lost, restart the program", error.Message);
            string after = Assert.Throws<BackendException>(() => backend.Add(x, x, x)).Message;
            Assert.Equal($"cuda:0: the device's context is lost (cuStreamSynchronize: {words}); restart the program", after);
        }
        Assert.Equal("", MockDriver.Violations());
    }

    [Fact]
    public void Disposing_waits_for_work_and_buffers_may_go_later()
    {
        var backend = CudaBackend.Open();
        var buffer = backend.Allocate(1000);
        var x = new Tensor(buffer, 0, 10, 100, 100);
        backend.Upload(new float[1000], x);
        for (int i = 0; i < 5; i++) backend.Add(x, x, x);
        backend.Dispose();
        backend.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Add(x, x, x));
        buffer.Dispose();
        Assert.Equal("", MockDriver.Violations());
    }

    /// <summary>Every code that is told apart, and others; each call of the scenario fails with one of each kind, taken in turn.</summary>
    [Theory]
    [InlineData("there is too little memory", OutOfMemory)]
    [InlineData("the context is lost", IllegalAddress, 702, 709, 710, 714, 715, 716, 717, 718, LaunchFailed, 214, 220, 999)]
    [InlineData("something else is wrong", InvalidValue, 3, 46, 100, 101, 200, 201, 209, 218, 222, 400, 500, 701, 801, 900)]
    public void Whatever_call_fails_is_one_sentence_and_leaves_nothing(string what, params int[] codes)
    {
        var expected = Scenario.Run();
        bool isOver = false;
        int calls = 0;
        for (; !isOver; calls++)
        {
            int call = calls, code = codes[call % codes.Length];
            MockDriver.Fail("*", call, code);
            string said = "";
            try
            {
                // Out of memory once is mended by giving up what is kept; then nothing is to be seen.
                Assert.Equal(expected, Scenario.Run());
                isOver = MockDriver.WillFail();  // there are fewer calls
                MockDriver.Fail("*", 0, 0);
            }
            catch (BackendException error)
            {
                said = error.ToString();
                Assert.StartsWith("cuda:0: ", error.Message);
                Assert.DoesNotContain("\n", error.Message);
            }
            Assert.True(MockDriver.Alive() == 0, $"{what} ({code}) at call {call}: {MockDriver.Alive()} left after {said}");
        }
        Assert.InRange(calls, 500, int.MaxValue);
        MockDriver.Violations();
        Assert.Equal(expected, Scenario.Run());
        Assert.Equal("", MockDriver.Violations());
    }

    /// <summary>Every code at the first call of every function that the scenario calls.</summary>
    [Fact]
    public void Whatever_function_fails_with_whatever_code_is_one_sentence_and_leaves_nothing()
    {
        var expected = Scenario.Run();
        foreach (string function in s_functions)
        {
            foreach (int code in s_codes)
            {
                MockDriver.Fail(function, 0, code);
                try
                {
                    Assert.Equal(expected, Scenario.Run());
                    Assert.False(MockDriver.WillFail(), $"{function} is not called");
                }
                catch (BackendException error)
                {
                    Assert.StartsWith("cuda:0: ", error.Message);
                    Assert.DoesNotContain("\n", error.Message);
                }
                Assert.True(MockDriver.Alive() == 0, $"{function} gave {code}: {MockDriver.Alive()} left");
            }
        }
        MockDriver.Violations();
    }

    [Theory]
    [InlineData(209, 90, "sm_90a")]
    [InlineData(222, 80, "sm_80")]
    public void Says_that_an_image_is_not_for_this_device_or_driver(int code, int capability, string target)
    {
        MockDriver.Set("capability", capability);
        using (var backend = CudaBackend.Open())
        {
            using var buffer = backend.Allocate(4);
            var x = new Tensor(buffer, 0, 1, 4, 4);
            MockDriver.Fail("cuModuleLoadDataEx", 0, code);
            string message = Assert.Throws<BackendException>(() => backend.Add(x, x, x)).Message;
            Assert.StartsWith($"cuda:0: loading add for {target}: CUDA_ERROR_", message);
            Assert.EndsWith(
                $"; the kernels are PTX 8.0 for {target}, the device has compute capability {capability / 10}.0: update the driver, or build for this device", message);
            backend.Add(x, x, x);  // nothing else is lost
        }
        Assert.Equal("", MockDriver.Violations());
    }

    [Fact]
    public void Two_backends_on_one_device_do_not_disturb_each_other()
    {
        var first = CudaBackend.Open();
        using (var second = CudaBackend.Open())
        {
            using var buffer = second.Allocate(4);
            var x = new Tensor(buffer, 0, 1, 4, 4);
            second.Upload([1, 2, 3, 4], x);
            first.Allocate(1000).Dispose();
            first.Dispose();
            second.Add(x, x, x);
            var values = new float[4];
            second.Download(x, values);
            Assert.Equal([2, 4, 6, 8], values);
        }
        Assert.Equal("", MockDriver.Violations());
    }

    [Fact]
    public void A_steady_state_asks_the_driver_for_nothing()
    {
        using var backend = CudaBackend.Open();
        int Asked() => MockDriver.Count("cuMemAlloc_v2") + MockDriver.Count("cuMemHostAlloc") + MockDriver.Count("cuEventCreate");
        void Step()
        {
            backend.Allocate(20_000_000).Dispose();  // as large as the activations of a long batch
            using var buffer = backend.Allocate(500);
            var x = new Tensor(buffer, 0, 5, 100, 100);
            backend.Upload(new float[500], x);
            backend.GatherRows(x.RowRange(0, 2), [1, 0], x.RowRange(2, 2));
            backend.Download(x, new float[500]);
        }
        Step();
        int before = Asked();
        for (int i = 0; i < 20; i++) Step();
        Assert.Equal(before, Asked());
    }
}
