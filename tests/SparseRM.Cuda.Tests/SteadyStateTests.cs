using SparseRM.Backends;
using SparseRM.Interop.Cuda;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Cuda;

/// <summary>Work that comes again and again: memory and indices go round, nothing more is asked of the driver, and nothing is overwritten too early.</summary>
[Collection("mock driver")]  // one for the process, so one test at a time
public sealed class SteadyStateTests : IDisposable
{
    private readonly CudaBackend _backend;

    public SteadyStateTests()
    {
        Scenario.RequireKernels();
        MockDriver.Violations();
        _backend = CudaBackend.Open();
    }

    public void Dispose()
    {
        _backend.Dispose();
        Assert.Equal((0, ""), (MockDriver.Alive(), MockDriver.Violations()));
    }

    private static int Asked => MockDriver.Count("cuMemAlloc_v2") + MockDriver.Count("cuMemHostAlloc") + MockDriver.Count("cuEventCreate");
    private static int Waits => MockDriver.Count("cuStreamSynchronize") + MockDriver.Count("cuEventSynchronize");

    private Tensor New(int rows, int columns) => new(_backend.Allocate((long)rows * columns), 0, rows, columns, columns);

    [Fact]
    public void Work_that_is_queued_without_waiting_keeps_its_values()
    {
        Tensor x = New(4, 3), y = New(2, 3), sum = New(2, 3);
        _backend.Upload([.. Enumerable.Range(0, 12).Select(i => (float)i)], x);
        _backend.Upload(new float[6], sum);
        int waits = Waits;
        for (int i = 0; i < 9; i++)
        {
            _backend.GatherRows(x, [i % 4, 3], y);
            _backend.Add(sum, y, sum);
        }
        Assert.Equal(waits, Waits);
        var values = new float[6];
        _backend.Download(sum, values);
        int rows = Enumerable.Range(0, 9).Sum(i => i % 4);
        Assert.Equal([3 * rows, 3 * rows + 9, 3 * rows + 18, 81, 90, 99], values);
        foreach (var tensor in new[] { x, y, sum }) tensor.Buffer.Dispose();
    }

    [Fact]
    public void An_area_of_indices_that_goes_round_is_not_overwritten_before_it_is_read()
    {
        // Positions of many queries of which one asks: 400 KB an op, of which the area has room for two.
        const int Queries = 100_000, Ops = 12;
        var (q, kv) = (New(Queries, 2), New(4, 2));
        _backend.Upload([.. Enumerable.Range(0, 2 * Queries).Select(i => 1f)], q);
        _backend.Upload([1, 0, 0, 2, 3, 0, 0, 4], kv);
        using var mixed = _backend.Allocate(Operand.Length(Queries, 2));
        var y = new Operand(mixed, Queries, 2, DType.F32);
        void Attend(int i)
        {
            int[] positions = new int[Queries];
            positions[i] = i % 4;
            positions[^1] = i + 1;  // no two are equal
            _backend.Attention(q, kv, kv, positions, [new(i, 1, 0, 0, 0, 4)], new AttentionOptions(1, 1, 2, 1, 0, 0), y);
        }
        float[] Mixed()
        {
            var values = new float[2 * Ops];
            _backend.Download(new Tensor(mixed, 0, 1, values.Length, values.Length), values);
            return values;
        }
        for (int i = 0; i < Ops; i++)
        {
            Attend(i);
            _backend.Download(new Tensor(mixed, 0, 0, 2, 2), []);  // waits
        }
        float[] expected = Mixed();
        _backend.Upload(new float[2 * Ops], new Tensor(mixed, 0, 1, 2 * Ops, 2 * Ops));
        for (int i = 0; i < Ops; i++) Attend(i);
        TensorAssert.SameBits(expected, Mixed());
        q.Buffer.Dispose();
        kv.Buffer.Dispose();
    }

    [Fact]
    public void What_is_freed_is_merged_with_its_neighbours_and_cut_for_smaller_needs()
    {
        const int Floats = 1 << 20;
        _backend.Allocate(4 * Floats).Dispose();
        int asked = Asked;
        var parts = Enumerable.Range(0, 4).Select(_ => _backend.Allocate(Floats)).ToArray();
        foreach (int i in new[] { 2, 0, 3, 1 }) parts[i].Dispose();
        using (var first = _backend.Allocate(2 * Floats))
        using (var second = _backend.Allocate(Floats))
        using (_backend.Allocate(Floats)) first.Dispose();
        _backend.Allocate(4 * Floats).Dispose();
        Assert.Equal(asked, Asked);
    }

    [Fact]
    public void A_large_block_is_not_broken_for_a_small_need_and_goes_when_memory_is_short()
    {
        long half = 600L << 20;  // of 1.1 GB
        _backend.Allocate(half / sizeof(float)).Dispose();
        int asked = Asked;
        using (_backend.Allocate(1))
        {
            Assert.Equal(asked + 1, Asked);
            _backend.Allocate(half * 3 / 2 / sizeof(float)).Dispose();
        }
    }

    [Fact]
    public void Rows_that_lie_apart_come_with_one_wait()
    {
        var x = New(50, 8);
        float[] values = [.. Enumerable.Range(0, 400).Select(i => (float)i)], some = new float[150];
        _backend.Upload(values, x);
        int waits = MockDriver.Count("cuStreamSynchronize");
        _backend.Download(x.ColumnRange(2, 3), some);
        Assert.InRange(MockDriver.Count("cuStreamSynchronize") - waits, 1, 2);  // the last one is that of every download
        Assert.Equal(Enumerable.Range(0, 150).Select(i => values[i / 3 * 8 + 2 + i % 3]), some);
        x.Buffer.Dispose();
    }

    /// <summary>A whole model: what is packed for attention lies in the arena.</summary>
    [Theory]
    [InlineData("gemma2", DType.BF16)]
    [InlineData("qwen3", DType.F32)]
    public void A_forward_pass_that_repeats_asks_the_driver_for_nothing_and_has_the_same_bits(string family, DType compute)
    {
        using var model = TransformerModel.Open(_backend, SharedData.Shipped("goldens", "models", family), 1, compute);
        using var forward = new TransformerForward(model);
        float[] Run(int seed)
        {
            var random = new Random(seed);
            int[] ids = [.. Enumerable.Range(0, 9).Select(_ => random.Next(200))];
            var states = forward.RunToLayer(TokenBatch.Pack([new(ids, ReadOut.At(8)), new(ids.AsMemory(0, 5), ReadOut.At(4))], sharePrefixes: false), 1);
            var values = new float[states.Rows * states.Columns];
            _backend.Download(states, values);
            return values;
        }
        float[][] first = [.. Enumerable.Range(0, 2).Select(Run)];
        int asked = Asked;
        for (int seed = 0; seed < 2; seed++) TensorAssert.SameBits(first[seed], Run(seed));
        Assert.Equal(asked, Asked);
    }
}
