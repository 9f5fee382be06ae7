using SparseRM.Backends.Reference;
using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Models;

/// <summary>What tests of model files compare: one state of the residual stream, by the reference backend.</summary>
internal static class ModelState
{
    /// <summary>The state after a block at the last token, in F32.</summary>
    public static float[] Of(string folder, int layer = 1, int tokens = 4)
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, folder, layer, DType.F32);
        using var runner = new ResidualRunner(model);
        int[] ids = [.. Enumerable.Range(0, tokens).Select(i => 1 + i * 67 % 200)];
        var values = new float[model.Config.DModel];
        backend.Download(runner.RunAllTokens(ids, layer).RowRange(tokens - 1, 1), values);
        Assert.Contains(values, value => value != 0);
        return values;
    }

    /// <summary>A copy of a model's weights in F32, under other names.</summary>
    public static IEnumerable<TensorToWrite> Renamed(string model, Func<string, string> rename)
    {
        var file = SafetensorsFile.Open(Path.Combine(model, "model.safetensors"));
        return file.Names.Select(name => file.Take(name)).Select(slice => TensorToWrite.Singles(rename(slice.Name), slice.ReadSingles(), [.. slice.Shape]));
    }
}
