using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Interop.Cuda;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Cuda;

/// <summary>Passes that repeat become graphs, and compute what they would have computed without.</summary>
[Collection("mock driver")]  // one for the process, so one test at a time
public sealed class PassTests : IDisposable
{
    private static readonly PassShape s_shape = new(2, 2, 1, 0);
    private readonly CudaBackend _backend;
    private readonly Tensor _x, _y;

    public PassTests()
    {
        Scenario.RequireKernels();
        MockDriver.Violations();
        _backend = CudaBackend.Open();
        (_x, _y) = (New(4, 3), New(2, 3));
        _backend.Upload([.. Enumerable.Range(0, 12).Select(i => (float)i)], _x);
    }

    public void Dispose()
    {
        MockDriver.Fail("*", 0, 0);
        _x.Buffer.Dispose();
        _y.Buffer.Dispose();
        _backend.Dispose();
        Assert.Equal((0, ""), (MockDriver.Alive(), MockDriver.Violations()));
    }

    private static int Graphs => MockDriver.Count("cuGraphLaunch");
    private static int Launches => MockDriver.Count("cuLaunchKernel");
    private static int Asked => MockDriver.Count("cuMemAlloc_v2") + MockDriver.Count("cuMemHostAlloc") + MockDriver.Count("cuEventCreate");

    private Tensor New(int rows, int columns) => new(_backend.Allocate(rows * columns), 0, rows, columns, columns);

    private float[] Read()
    {
        var values = new float[6];
        _backend.Download(_y, values);
        return values;
    }

    /// <summary>Row first + row second of x, twice over.</summary>
    private void Pass(int first, int second, Action? between = null)
    {
        _backend.BeginPass(s_shape);
        _backend.GatherRows(_x, [first, second], _y);
        between?.Invoke();
        _backend.Add(_y, _y, _y);
        _backend.EndPass();
    }

    private static float[] Expected(int first, int second) => [.. new[] { first, second }.SelectMany(row => Enumerable.Range(0, 3).Select(i => 2f * (3 * row + i)))];

    [Fact]
    public void The_third_pass_of_a_shape_is_one_launch_with_the_values_of_its_own()
    {
        for (int i = 0; i < 6; i++)
        {
            var (graphs, launches) = (Graphs, Launches);
            Pass(i % 4, (i + 1) % 4);
            Assert.Equal(i < 2 ? (0, i == 0 ? 2 : 4) : (1, 0), (Graphs - graphs, Launches - launches));  // the second is captured, too
            Assert.Equal(Expected(i % 4, (i + 1) % 4), Read());
        }
    }

    [Fact]
    public void Passes_that_are_queued_without_waiting_keep_their_values()
    {
        using var sums = _backend.Allocate(6);
        var sum = new Tensor(sums, 0, 2, 3, 3);
        _backend.Upload(new float[6], sum);
        for (int i = 0; i < 9; i++)
        {
            _backend.BeginPass(s_shape);
            _backend.GatherRows(_x, [i % 4, 3], _y);
            _backend.Add(sum, _y, sum);
            _backend.EndPass();
        }
        var values = new float[6];
        _backend.Download(sum, values);
        int rows = Enumerable.Range(0, 9).Sum(i => i % 4);
        Assert.Equal([3 * rows, 3 * rows + 9, 3 * rows + 18, 81, 90, 99], values);
    }

    [Fact]
    public void A_pass_that_asks_for_something_else_is_launched_as_it_comes()
    {
        for (int i = 0; i < 3; i++) Pass(0, 1);
        int graphs = Graphs;
        _backend.BeginPass(s_shape);
        _backend.GatherRows(_x, [2, 3], _y);
        _backend.Add(_y, _x.RowRange(0, 2), _y);
        _backend.EndPass();
        Assert.Equal([6, 8, 10, 12, 14, 16], Read());
        _backend.BeginPass(s_shape);  // fewer launches than before
        _backend.GatherRows(_x, [2, 3], _y);
        _backend.EndPass();
        Assert.Equal([6, 7, 8, 9, 10, 11], Read());
        Assert.Equal(graphs, Graphs);
    }

    [Fact]
    public void What_is_no_launch_comes_in_its_place()
    {
        for (int i = 0; i < 3; i++) Pass(0, 1);
        Pass(2, 3, () => Assert.Equal([6, 7, 8, 9, 10, 11], Read()));
        Assert.Equal(Expected(2, 3), Read());
        for (int i = 0; i < 3; i++) Pass(0, 1);
        Pass(2, 3, () => _backend.Upload([1, 1, 1, 1, 1, 1], _y));
        Assert.Equal([2, 2, 2, 2, 2, 2], Read());
    }

    [Fact]
    public void What_a_broken_pass_held_back_is_dropped_and_the_next_one_is_right()
    {
        for (int i = 0; i < 3; i++) Pass(0, 1);
        Assert.Throws<ShapeMismatchException>(() => Pass(2, 3, () => _backend.Add(_x, _y, _y)));  // and is not even abandoned
        Pass(3, 2);
        Assert.Equal(Expected(3, 2), Read());
    }

    [Fact]
    public void An_area_that_goes_round_within_a_pass_is_not_overwritten_before_it_is_read()
    {
        // Positions of many queries of which one asks: 400 KB an op, of which the area has room for two.
        const int Queries = 100_000, Ops = 4;
        var (q, kv) = (New(Queries, 2), New(4, 2));
        _backend.Upload([.. Enumerable.Range(0, 2 * Queries).Select(i => 1f)], q);
        _backend.Upload([1, 0, 0, 2, 3, 0, 0, 4], kv);
        using var mixed = _backend.Allocate(Operand.Length(Queries, 2));
        var y = new Operand(mixed, Queries, 2, DType.F32);
        void Attend(int i, int position)
        {
            int[] positions = new int[Queries];
            positions[i] = position;
            positions[^1] = i + 1;  // no two are equal
            _backend.Attention(q, kv, kv, positions, [new(i, 1, 0, 0, 0, 4)], new AttentionOptions(1, 1, 2, 1, 0, 0), y);
        }
        float[] Mixed()
        {
            var values = new float[2 * Ops];
            _backend.Download(new Tensor(mixed, 0, 1, values.Length, values.Length), values);
            return values;
        }
        for (int pass = 0; pass < 4; pass++)
        {
            for (int i = 0; i < Ops; i++) Attend(i, (i + pass) % 4);
            float[] expected = Mixed();
            _backend.Upload(new float[2 * Ops], new Tensor(mixed, 0, 1, 2 * Ops, 2 * Ops));
            _backend.BeginPass(new PassShape(Queries, 1, 1, 0));
            for (int i = 0; i < Ops; i++) Attend(i, (i + pass) % 4);
            _backend.EndPass();
            TensorAssert.SameBits(expected, Mixed());
        }
        q.Buffer.Dispose();
        kv.Buffer.Dispose();
    }

    [Fact]
    public void More_shapes_than_are_remembered_leave_nothing_behind()
    {
        for (int tokens = 0; tokens < 200; tokens++)
        {
            for (int i = 0; i < 3; i++)
            {
                _backend.BeginPass(new PassShape(tokens, 1, 1, 0));
                _backend.GatherRows(_x, [tokens % 4, i], _y);
                _backend.EndPass();
            }
            Assert.InRange(MockDriver.Alive(), 0, 100);
        }
        Assert.Equal([9, 10, 11, 6, 7, 8], Read());
    }

    [Theory]
    [InlineData("cuStreamBeginCapture_v2")]
    [InlineData("cuStreamEndCapture")]
    [InlineData("cuGraphInstantiateWithFlags")]
    public void Where_no_graph_can_be_made_passes_go_on_without(string function)
    {
        Pass(0, 1);
        MockDriver.Fail(function, 0, 2);
        int graphs = Graphs;
        for (int i = 0; i < 4; i++)
        {
            Pass(i, 3);
            Assert.Equal(Expected(i, 3), Read());
        }
        Assert.Equal(graphs, Graphs);
    }

    [Fact]
    public void A_graph_that_is_not_launched_is_not_launched_later()
    {
        for (int i = 0; i < 3; i++) Pass(0, 1);
        MockDriver.Fail("cuGraphLaunch", 0, 1);
        int launches = Launches;
        Assert.StartsWith("cuda:0: cuGraphLaunch: ", Assert.Throws<BackendException>(() => Pass(2, 3)).Message);
        Assert.Equal(Expected(0, 1), Read());
        Assert.Equal(launches, Launches);
    }

    [Fact]
    public void Buffers_that_have_grown_make_other_graphs()
    {
        for (int i = 0; i < 4; i++) Pass(0, 1);
        int graphs = Graphs;
        using var grown = _backend.Allocate(6);
        var y = new Tensor(grown, 0, 2, 3, 3);
        for (int i = 0; i < 4; i++)
        {
            _backend.BeginPass(s_shape);
            _backend.GatherRows(_x, [2, i % 2], y);
            _backend.Add(y, y, y);
            _backend.EndPass();
        }
        var values = new float[6];
        _backend.Download(y, values);
        Assert.Equal(Expected(2, 1), values);
        Assert.Equal(graphs + 3, Graphs);
    }

    [Fact]
    public void What_an_abandoned_pass_held_back_is_never_done()
    {
        for (int i = 0; i < 3; i++) Pass(0, 1);
        using var files = new Conformance.WeightFiles();
        var w = _backend.LoadMatrix([new(files.Write(new float[12], DType.F32, 4, 3))], DType.F32);
        _backend.BeginPass(s_shape);
        _backend.GatherRows(_x, [2, 3], _y);
        _backend.AbandonPass();
        w.Dispose();
        Assert.Equal(Expected(0, 1), Read());
    }

    /// <summary>A whole model: what is packed for attention lies in the arena at the same places in each pass.</summary>
    [Theory]
    [InlineData("gemma2", DType.BF16)]
    [InlineData("qwen3", DType.F32)]
    public void A_forward_pass_that_repeats_is_one_launch_with_the_same_bits(string family, DType compute)
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
        var (graphs, launches, asked) = (Graphs, Launches, Asked);
        for (int seed = 0; seed < 2; seed++) TensorAssert.SameBits(first[seed], Run(seed));
        Assert.Equal((2, 0, 0), (Graphs - graphs, Launches - launches, Asked - asked));
    }
}
