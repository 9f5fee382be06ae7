using System.Runtime.CompilerServices;
using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Interop;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Conformance;

public class WeightErrorTests
{
    public static TheoryData<string, DType, bool> DTypesAndLayouts => new(
        from backend in TestedBackends.Names
        from dtype in new[] { DType.F32, DType.BF16, DType.F16 }
        from transposed in new[] { false, true }
        select (backend, dtype, transposed));

    [Theory, MemberData(nameof(DTypesAndLayouts))]
    public void Refuses_a_weight_that_is_not_finite_with_its_place(string backend, DType dtype, bool transposed)
    {
        using var rig = new Rig(backend, false, 2);
        var values = rig.Random(70 * 90);
        values[4321] = float.PositiveInfinity;
        foreach (var slice in new[] { rig.Files.Write(values, dtype, 70, 90), WeightFiles.Stream(values, dtype, 70, 90) })
        {
            var error = Assert.Throws<ModelFormatException>(() => rig.Native.LoadMatrix([new MatrixPart(slice, transposed)], DType.F32));
            Assert.Contains($"tensor \"{slice.Name}\"", error.Message);
            Assert.Contains("at element 4321", error.Message);
        }
    }

    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void Refuses_a_vector_with_NaN_and_reads_a_good_one(string backend)
    {
        using var rig = new Rig(backend, false, 1);
        var good = rig.Native.LoadVector(rig.Files.Write([1, -2, 3], DType.BF16, 3));
        Assert.Equal([1, -2, 3], Rig.Read(rig.Native, good));
        good.Buffer.Dispose();
        var error = Assert.Throws<ModelFormatException>(() => rig.Native.LoadVector(rig.Files.Write([1, float.NaN, 3], DType.F16, 3)));
        Assert.Contains("has NaN at element 1", error.Message);
    }

    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void Refuses_a_file_that_ends_inside_the_tensor(string backend)
    {
        using var rig = new Rig(backend, false, 1);
        var whole = rig.Files.Write(rig.Random(64), DType.F32, 8, 8);
        var slice = new WeightSlice(whole.Path, "short", DType.F32, [8, 9], 3);
        Assert.Contains(
            "ends inside tensor \"short\"",
            Assert.Throws<ModelFormatException>(() => rig.Native.LoadMatrix([new(slice)], DType.F32)).Message);
        Assert.Contains("ends inside tensor \"short\"", Assert.Throws<ModelFormatException>(() => rig.Native.OpenEmbedding(slice)).Message);
        var streamed = new WeightSlice("a.npz", "short", DType.F32, [8, 9], () => new MemoryStream(new byte[100]));
        Assert.Contains(
            "ends inside tensor \"short\"",
            Assert.Throws<ModelFormatException>(() => rig.Native.LoadMatrix([new(streamed)], DType.F32)).Message);
    }

    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void Refuses_a_table_whose_file_shrank_after_it_was_opened(string backend)
    {
        using var rig = new Rig(backend, false, 1);
        var slice = rig.Files.Write(rig.Random(64), DType.F32, 8, 8);
        using var table = rig.Native.OpenEmbedding(slice);
        using (var file = new FileStream(slice.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) file.SetLength(100);
        var y = rig.Empty(1, 8);
        Assert.Contains("ends inside tensor", Assert.Throws<ModelFormatException>(() => rig.Native.Embed(table, [7], 1, y.Actual)).Message);
    }

    [Theory, MemberData(nameof(TestedBackends.Rows), MemberType = typeof(TestedBackends))]
    public void Refuses_a_missing_file_and_integers(string backend)
    {
        using var rig = new Rig(backend, false, 1);
        var gone = new WeightSlice("/nowhere/w.bin", "gone", DType.F32, [2, 2], 0);
        Assert.Contains(
            "the file with tensor \"gone\" is missing",
            Assert.Throws<ModelFormatException>(() => rig.Native.LoadMatrix([new(gone)], DType.F32)).Message);
        var integers = new WeightSlice("/nowhere/w.bin", "ids", DType.I64, [2, 2], 0);
        Assert.Contains(
            "weights must be F32, BF16 or F16",
            Assert.Throws<ModelFormatException>(() => rig.Native.LoadMatrix([new(integers)], DType.F32)).Message);
    }

    [Theory]
    [InlineData("cpu", 0)]
    [InlineData("cpu", 1)]
    [InlineData("ilgpu:cpu", 0)]
    [InlineData("ilgpu:cpu", 1)]
    public void Reads_a_file_that_was_replaced_under_the_same_name(string backend, int moreBytes)
    {
        using var rig = new Rig(backend, false, 1);
        var slice = rig.Files.Write([1, 2], DType.F32, 1, 2);
        using var table = rig.Native.OpenEmbedding(slice);
        Replace(slice.Path, moreBytes);
        var vector = rig.Native.LoadVector(slice);
        Assert.Equal([3, 2], Rig.Read(rig.Native, vector));
        vector.Buffer.Dispose();
        // The table goes on with the file that it opened.
        var y = rig.Empty(1, 2);
        rig.Native.Embed(table, [0], 1, y.Actual);
        Assert.Equal([1, 2], rig.Actual(y));
    }

    [Fact]
    public void A_table_that_nobody_disposed_lets_its_replaced_file_go()
    {
        using var rig = new Rig(TestedBackends.Cpu, false, 1);
        var slice = rig.Files.Write([1, 2], DType.F32, 1, 2);
        OpenAndForget(rig, slice);
        Replace(slice.Path, 1);
        using var table = rig.Native.OpenEmbedding(slice);
        for (int i = 0; i < 50 && Mappings(slice.Path).Length > 1; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.DoesNotContain("(deleted)", Assert.Single(Mappings(slice.Path)));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void OpenAndForget(Rig rig, WeightSlice slice)
    {
        var table = rig.Native.OpenEmbedding(slice);
        Assert.Single(Mappings(slice.Path));
        GC.KeepAlive(table);
    }

    private static string[] Mappings(string path) => [.. File.ReadLines("/proc/self/maps").Where(line => line.Contains(path))];

    /// <summary>Another file with this name, written later, whose first value is 3 and whose second is as before.</summary>
    private static void Replace(string path, int moreBytes)
    {
        byte[] bytes = File.ReadAllBytes(path);
        var written = File.GetLastWriteTimeUtc(path);
        File.Delete(path);
        BitConverter.TryWriteBytes(bytes.AsSpan(3), 3f);
        File.WriteAllBytes(path, [.. bytes, .. new byte[moreBytes]]);
        File.SetLastWriteTimeUtc(path, written.AddSeconds(1));
    }
}
