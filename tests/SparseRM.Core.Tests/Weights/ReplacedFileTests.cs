using SparseRM.Errors;
using SparseRM.Sae;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Weights;

/// <summary>A weight file that another took the name of, in every format: a tensor that was found in the old one is never read out of the new one.</summary>
public sealed class ReplacedFileTests : IDisposable
{
    private static readonly float[] s_old = [1, 2, 3, 4, 5, 6], s_new = [1, 2, 3, 4, 5, 7];
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("safetensors")]
    [InlineData("stored npz")]
    [InlineData("deflated npz")]
    [InlineData("torch")]
    public void A_tensor_is_not_read_out_of_a_file_that_took_the_name(string format)
    {
        string path = _folder.Write("t", BytesOf(format, s_old));
        var slice = Opened(format, path).Take("a", 2, 3);
        Assert.Equal(s_old, slice.ReadSingles());
        byte[] replaced = BytesOf(format, s_new);
        Assert.Equal(new FileInfo(path).Length, replaced.Length);
        Replace(path, replaced);
        Refuses(path, () => slice.ReadSingles());
        // Not one row either, which is read before any checksum of the whole is known.
        Refuses(path, () => slice.OpenRead().Dispose());
        Assert.Equal(s_new, Opened(format, path).Take("a", 2, 3).ReadSingles());
    }

    [Fact]
    public void A_widened_matrix_is_not_read_out_of_a_file_that_took_the_name()
    {
        byte[] Bytes(byte value) => SafetensorsBytes.Of(
            """{"s":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"w":{"dtype":"F8_E4M3","shape":[2,2],"data_offsets":[4,8]}}"""u8.ToArray(), [.. ZipBytes.Floats(2), value, value, value, value]);
        string path = _folder.Write("t", Bytes(0x38));
        var file = SafetensorsFile.Open(path);
        var wide = Fp8Weights.Widen(file.Take("w"), file.Take("s"), 2, 2);
        Assert.Equal([2f, 2, 2, 2], wide.ReadSingles());
        Replace(path, Bytes(0x40));
        Refuses(path, () => wide.ReadSingles());
    }

    [Theory]
    [InlineData("gemma-scope/layer_2/width_1k/average_l0_9")]
    [InlineData("gemma-scope-deflated/layer_2/width_1k/average_l0_9")]
    [InlineData("dictionary-learning-topk/trainer_0")]
    [InlineData("goodfire")]
    [InlineData("saelens-topk")]
    public void Directions_are_not_read_out_of_an_sae_that_took_the_name(string name)
    {
        using var folder = TemporaryFolder.CopyOf(SharedData.Shipped(["goldens", "saes", .. name.Split('/')]));
        var sae = SaeFormatCatalog.Open(folder.Path);
        string path = sae.WDec.Path;
        float[] directions = sae.ReadDirections([1, 7]);
        Replace(path, File.ReadAllBytes(path));
        Refuses(path, () => sae.ReadDirections([1, 7]));
        Refuses(path, () => sae.WEnc.ReadSingles());
        Assert.Equal(directions, SaeFormatCatalog.Open(folder.Path).ReadDirections([1, 7]));
    }

    private static IWeightSource Opened(string format, string path) => format switch
    {
        "safetensors" => SafetensorsFile.Open(path),
        "torch" => TorchFile.Open(path),
        _ => NpzFile.Open(path),
    };

    private static byte[] BytesOf(string format, float[] values) => format switch
    {
        "safetensors" => SafetensorsBytes.Of("""{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"""u8.ToArray(), ZipBytes.Floats(values)),
        "torch" => PickleBytes.File(new PickleBytes().Op("}(").Tensor("a", "0", 6, [2, 3], [3, 1]).Op("u").Stop(), ("ae/data/0", ZipBytes.Floats(values))),
        _ => ZipBytes.Of(format == "deflated npz", ("a.npy", ZipBytes.Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", ZipBytes.Floats(values)))),
    };

    /// <summary>Another file under the same name, as a download puts it there.</summary>
    private void Replace(string path, byte[] bytes)
    {
        string staged = _folder.Write("staged", bytes);
        File.SetLastWriteTimeUtc(staged, File.GetLastWriteTimeUtc(path).AddSeconds(1));
        File.Move(staged, path, overwrite: true);
    }

    private static void Refuses(string path, Action action)
    {
        string message = Assert.Throws<ModelFormatException>(action).Message;
        Assert.StartsWith(path + ": the file was replaced or written since it was opened", message);
        Assert.DoesNotContain('\n', message);
    }
}
