using CsCheck;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Weights;

public sealed class TorchFileTests : IDisposable
{
    private static readonly (string, byte[]) s_six = ("ae/data/0", ZipBytes.Floats(1, 2, 3, 4, 5, 6));
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private TorchFile Opened(byte[] bytes) => TorchFile.Open(_folder.Write("t.pt", bytes));

    private string Refusal(byte[] bytes, Action<TorchFile>? use = null)
    {
        string message = Assert.Throws<ModelFormatException>(() =>
        {
            var file = Opened(bytes);
            use?.Invoke(file);
        }).Message;
        Assert.StartsWith(_folder.File("t.pt") + ": ", message);
        Assert.DoesNotContain('\n', message);
        Assert.False(File.Exists("PWNED"));
        return message;
    }

    private static PickleBytes Dict() => new PickleBytes().Op("}(");

    [Fact]
    public void Reads_tensors_of_shared_storage_views_numbers_and_nested_dicts()
    {
        byte[] pickle = Dict().Tensor("w", "0", 6, [2, 3], [3, 1]).Tensor("tail", "0", 6, [2], [1], offset: 4)
            .Text("k").Int(12).Text("lr").Op("G").Raw(0x3F, 0xE0, 0, 0, 0, 0, 0, 0)
            .Text("state").Op("}").Tensor("x", "0", 6, [], []).Op("s").Op("u").Stop();
        var file = Opened(PickleBytes.File(pickle, s_six));
        Assert.Equal(["state.x", "tail", "w"], file.Names.Order(StringComparer.Ordinal));
        Assert.Equal([1f, 2, 3, 4, 5, 6], file.Take("w", 2, 3).ReadSingles());
        Assert.Equal([5f, 6f], file.Take("tail", 2).ReadSingles());
        Assert.Equal((12d, 0.5), (file.Numbers["k"], file.Numbers["lr"]));
        Assert.Equal(["state.x"], file.Untaken);
    }

    [Fact]
    public void A_transposed_view_is_given_as_it_lies()
    {
        byte[] bytes = PickleBytes.File(Dict().Tensor("w", "0", 6, [3, 2], [1, 3]).Op("u").Stop(), s_six);
        var (slice, transposed) = Opened(bytes).TakeMatrix("w");
        Assert.True(transposed);
        Assert.Equal([2L, 3L], slice.Shape);
        Assert.Contains("not contiguous", Refusal(bytes, file => file.Take("w")));
        byte[] strided = PickleBytes.File(Dict().Tensor("w", "0", 6, [3], [2]).Op("u").Stop(), s_six);
        Assert.Contains("not contiguous", Refusal(strided, file => file.TakeMatrix("w")));
        byte[] spread = PickleBytes.File(Dict().Tensor("w", "0", 6, [2, 2], [3, 1]).Op("u").Stop(), s_six);
        Assert.Contains("not contiguous", Refusal(spread, file => file.TakeMatrix("w")));
    }

    [Theory]
    // The stride of a dimension of one element says nothing, wherever it stands; every other one counts.
    [InlineData(new long[] { 1, 6 }, new long[] { 99, 1 }, true)]
    [InlineData(new long[] { 6, 1 }, new long[] { 1, 99 }, true)]
    [InlineData(new long[] { 2, 1, 3 }, new long[] { 3, 77, 1 }, true)]
    [InlineData(new long[] { 3, 1, 2 }, new long[] { 1, 77, 3 }, false)]
    [InlineData(new long[] { 2, 2, 1 }, new long[] { 3, 1, 1 }, false)]
    [InlineData(new long[] { 1, 2, 2 }, new long[] { 1, 3, 1 }, false)]
    [InlineData(new long[] { 2, 1, 2 }, new long[] { 1, 1, 1 }, false)]
    [InlineData(new long[] { 2 }, new long[] { 2 }, false)]
    [InlineData(new long[] { 2 }, new long[] { 0 }, false)]
    public void Every_stride_but_that_of_one_element_is_checked(long[] sizes, long[] strides, bool contiguous)
    {
        byte[] bytes = PickleBytes.File(Dict().Tensor("w", "0", 6, sizes, strides).Op("u").Stop(), s_six);
        if (contiguous)
        {
            var slice = Opened(bytes).Take("w");
            Assert.Equal(sizes, slice.Shape);
            Assert.Equal([1f, 2, 3, 4, 5, 6], slice.ReadSingles());
        }
        else Assert.Contains("not contiguous", Refusal(bytes, file => file.Take("w")));
    }

    [Theory]
    [InlineData(6, 0, new long[] { 7 }, new long[] { 1 })]
    [InlineData(6, 1, new long[] { 6 }, new long[] { 1 })]
    [InlineData(6, -1, new long[] { 1 }, new long[] { 1 })]
    [InlineData(5, 0, new long[] { 5 }, new long[] { 1 })]
    [InlineData(6, 0, new long[] { -1 }, new long[] { 1 })]
    [InlineData(6, 0, new long[] { 2 }, new long[] { -1 })]
    [InlineData(6, 0, new long[] { 2, 3 }, new long[] { 1 })]
    [InlineData(6, 0, new long[] { long.MaxValue, long.MaxValue }, new long[] { long.MaxValue, 1 })]
    [InlineData(6, 7, new long[] { 0 }, new long[] { 1 })]
    [InlineData(6, 0, new long[] { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, new long[] { 1, 1, 1, 1, 1, 1, 1, 1, 1 })]
    public void Refuses_tensors_outside_their_storage(long count, long offset, long[] sizes, long[] strides)
        => Assert.Contains("does not fit its storage", Refusal(PickleBytes.File(Dict().Tensor("w", "0", count, sizes, strides, offset).Op("u").Stop(), s_six), file => file.Take("w")));

    [Fact]
    public void Refuses_missing_storages_names_and_types()
    {
        byte[] bytes = PickleBytes.File(Dict().Tensor("w", "9", 6, [6], [1]).Op("u").Stop(), s_six);
        Assert.Contains("needs member \"ae/data/9\"", Refusal(bytes, file => file.Take("w")));
        Assert.Contains("no tensor \"x\"", Refusal(bytes, file => file.Take("x")));
        Assert.Contains("\"torch.ComplexFloatStorage\"", Refusal(PickleBytes.File(Dict().Tensor("w", "0", 6, [6], [1], type: "ComplexFloatStorage").Op("u").Stop(), s_six)));
    }

    [Theory]
    [InlineData("posix", "system")]
    [InlineData("__builtin__", "eval")]
    [InlineData("builtins", "exec")]
    [InlineData("torch._utils", "_rebuild_tensor_v3")]
    [InlineData("torch", "load")]
    [InlineData("collections", "OrderedDict.fromkeys")]
    public void Refuses_every_other_name(string module, string name)
        => Assert.Contains($"\"{module}.{name}\"", Refusal(PickleBytes.File(Dict().Text("w").Global(module, name).Text("touch PWNED").Raw(0x85).Op("Rsu").Stop())));

    [Fact]
    public void Refuses_names_on_the_stack_too()
        => Assert.Contains("\"os.system\"", Refusal(PickleBytes.File(new PickleBytes().Text("os").Text("system").Raw(0x93).Stop())));

    [Theory]
    [InlineData("i")]
    [InlineData("o")]
    [InlineData("\u0081")]
    [InlineData("\u0092")]
    [InlineData("S'a'\n")]
    [InlineData("P0\n")]
    public void Refuses_opcodes_that_tensors_do_not_need(string opcode)
        => Assert.Contains("pickle opcode 0x", Refusal(PickleBytes.File(new PickleBytes().Raw([.. opcode.Select(c => (byte)c)]).Stop())));

    [Theory]
    [InlineData("")]
    [InlineData("u")]
    [InlineData("t")]
    [InlineData("R")]
    [InlineData("Q")]
    [InlineData("(.")]
    [InlineData("hA")]
    [InlineData("cno newline")]
    [InlineData("}]s")]
    [InlineData("}(K")]
    [InlineData("X\u00ff\u00ff\u00ff\u00ff")]
    public void Refuses_malformed_pickles(string opcodes)
        => Assert.Contains("pickle is malformed", Refusal(PickleBytes.File([.. new PickleBytes().Raw([.. opcodes.Select(c => (byte)c)]).Stop()[..^(opcodes.Length == 0 ? 1 : 0)]])));

    [Fact]
    public void Refuses_arguments_of_another_form()
    {
        Assert.Contains("arguments of another form", Refusal(PickleBytes.File(new PickleBytes().Global("collections", "OrderedDict").Int(1).Raw(0x85).Op("R").Stop())));
        Assert.Contains("arguments of another form", Refusal(PickleBytes.File(new PickleBytes().Global("torch", "FloatStorage").Op(")R").Stop())));
        Assert.Contains("storage in a form", Refusal(PickleBytes.File(new PickleBytes().Text("x").Raw(0x85).Op("Q").Stop())));
        Assert.Contains("sets the state", Refusal(PickleBytes.File(new PickleBytes().Op("}}b").Stop())));
        Assert.Contains("more than 64 bits", Refusal(PickleBytes.File(new PickleBytes().Raw([0x8A, 9, .. new byte[9]]).Stop())));
        Assert.Contains("pickle protocol 9", Refusal(PickleBytes.File([0x80, 9, (byte)'.'])));
    }

    [Fact]
    public void Refuses_what_is_no_dict_of_tensors()
    {
        Assert.Contains("does not hold a dict", Refusal(PickleBytes.File(new PickleBytes().Op("]").Stop())));
        Assert.Contains("\"a\" is neither a tensor", Refusal(PickleBytes.File(Dict().Text("a").Text("b").Op("u").Stop())));
        Assert.Contains("not a string", Refusal(PickleBytes.File(Dict().Int(1).Int(2).Op("u").Stop())));
        Assert.Contains("\"a\" twice", Refusal(PickleBytes.File(Dict().Text("a").Int(1).Text("a").Int(2).Op("u").Stop())));
        Assert.Contains("empty dict", Refusal(PickleBytes.File(Dict().Text("a").Op("}u").Stop())));
    }

    [Fact]
    public void Refuses_a_dict_that_contains_itself()
        => Assert.Contains("nested more than", Refusal(PickleBytes.File(new PickleBytes().Op("}q\u0001").Text("a").Op("h\u0001s").Stop())));

    [Fact]
    public void Refuses_dicts_that_multiply()
    {
        // Each level names the level below ten times: 10^8 entries from 2 kB.
        var pickle = new PickleBytes().Op("}").Text("n").Int(1).Op("sq\0");
        for (int level = 1; level <= 8; level++)
        {
            pickle.Op("}(");
            for (int i = 0; i < 10; i++) pickle.Text($"{i}").Raw((byte)'h', (byte)(level - 1));
            pickle.Op("uq").Raw((byte)level);
        }
        Assert.Contains("more than 100000 entries", Refusal(PickleBytes.File(pickle.Stop())));
    }

    [Fact]
    public void Refuses_other_containers()
    {
        Assert.Contains("the form before zip", Refusal([0x80, 2, (byte)'.']));
        Assert.Contains("is empty", Refusal([]));
        Assert.Contains("is not a torch file (a zip)", Refusal("<html>"u8.ToArray()));
        Assert.Contains("0 data.pkl members", Refusal(ZipBytes.Of(false, ("x", [1]))));
        Assert.Contains("TorchScript", Refusal(PickleBytes.File(Dict().Op("u").Stop(), ("ae/constants.pkl", [1]))));
        Assert.Contains("byteorder \"big\"", Refusal(PickleBytes.File(Dict().Op("u").Stop(), ("ae/byteorder", "big"u8.ToArray()))));
        Assert.Contains("member \"ae/data/0\" is compressed", Refusal(
            ZipBytes.Of(true, ("ae/data.pkl", Dict().Tensor("w", "0", 6, [6], [1]).Op("u").Stop()), s_six), file => file.Take("w")));
    }

    [Fact]
    public void Any_corruption_of_the_pickle_is_refused_in_one_way()
    {
        byte[] good = new PickleBytes().Global("collections", "OrderedDict").Op(")R(").Tensor("w", "0", 6, [2, 3], [3, 1]).Op("u}").Text("_metadata").Op("}sb").Stop();
        Assert.Equal(["w"], Opened(PickleBytes.File(good, s_six)).Names);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte).Array[1, 3].Sample(edits =>
        {
            byte[] pickle = [.. good];
            foreach (var (at, value) in edits) pickle[at] = value;
            try
            {
                var file = Opened(PickleBytes.File(pickle, s_six));
                foreach (string name in file.Names) file.TakeMatrix(name).Slice.ReadSingles(requireFinite: false);
            }
            catch (ModelFormatException)
            {
                return;
            }
        }, iter: 500, threads: 1);
    }
}
