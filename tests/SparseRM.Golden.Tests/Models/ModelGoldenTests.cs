using SparseRM.Backends;
using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Golden.Tests.Models;

/// <summary>Every family, stage by stage, against hidden states recorded from transformers: the first wrong stage names itself.</summary>
public class ModelGoldenTests
{
    public static readonly TheoryData<string, string> Cases = new(
        from family in Directory.GetDirectories(SharedData.Shipped("goldens", "models")).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal)
        from backend in GoldenBackends.Names
        select (family, backend));

    [Theory, MemberData(nameof(Cases))]
    public void Every_stage_agrees_in_f32(string family, string backendName)
    {
        using var backend = GoldenBackends.Open(backendName);
        double bound = GoldenBackends.Bound(backendName);
        string folder = SharedData.Shipped("goldens", "models", family);
        int last = SparseRM.Models.Architectures.ArchitectureCatalog.Read(folder).NLayers - 1;
        using var model = TransformerModel.Open(backend, folder, last, DType.F32);
        using var forward = new TransformerForward(model);
        var golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        for (int s = 0; s < 4; s++)
        {
            int[] ids = [.. golden.Take($"ids.{s}").ReadIntegers().Select(id => (int)id)];
            var seen = new HashSet<string>();
            forward.RunToLayer(TokenBatch.Pack([new(ids, ReadOut.Each(0, ids.Length))]), last, (name, tensor) =>
            {
                string recorded = $"{name.Replace("blocks.", "block.").Replace("hook_", "")}.{s}";
                seen.Add(recorded);
                TensorAssert.Close(golden.Take(recorded).ReadSingles(), Downloaded(backend, tensor), bound, $"{family} {recorded} on {backendName}");
            });
            Assert.Equal(1 + 3 * (last + 1), seen.Count);
        }
    }

    /// <summary>A pass that goes on from the states after any block, where two sequences share a beginning, has the bits of one that began before them.</summary>
    [Theory, MemberData(nameof(Cases))]
    public void A_pass_goes_on_from_states_with_the_same_bits(string family, string backendName)
    {
        using var backend = GoldenBackends.Open(backendName);
        string folder = SharedData.Shipped("goldens", "models", family);
        int last = SparseRM.Models.Architectures.ArchitectureCatalog.Read(folder).NLayers - 1;
        using var model = TransformerModel.Open(backend, folder, last, DType.BF16);
        using var forward = new TransformerForward(model);
        var golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        int[] ids = Enumerable.Range(0, 4).Select(s => golden.Take($"ids.{s}").ReadIntegers().Select(id => (int)id).ToArray()).MaxBy(one => one.Length)![..6];
        var batch = TokenBatch.Pack([new(ids, ReadOut.Each(0, ids.Length)), new((int[])[.. ids[..^1], ids[0]], ReadOut.Each(ids.Length - 1, ids.Length))]);
        var after = new Dictionary<int, float[]>();
        float[] expected = Downloaded(backend, forward.RunToLayer(batch, last, (name, tensor) =>
        {
            if (name.EndsWith("hook_resid_post", StringComparison.Ordinal)) after[after.Count] = Downloaded(backend, tensor);
        }));
        using var buffer = backend.Allocate((long)batch.TokenCount * model.Config.DModel);
        var residual = new Tensor(buffer, 0, batch.TokenCount, model.Config.DModel, model.Config.DModel);
        for (int l = 0; l < last; l++)
        {
            backend.Upload(after[l], residual);
            Assert.Equal(expected, Downloaded(backend, forward.RunFrom(batch, l, residual, last)));
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => forward.RunFrom(batch, last, residual, last));
        Assert.Throws<SparseRM.Errors.ShapeMismatchException>(() => forward.RunFrom(batch, 0, residual.RowRange(0, 1), last));
    }

    /// <summary>No farther from the f32 golden than 1.5 times transformers' own bf16 run, stage by stage.</summary>
    [Theory, MemberData(nameof(Cases))]
    public void Bf16_is_no_farther_from_f32_than_transformers_own(string family, string backendName)
    {
        using var backend = GoldenBackends.Open(backendName);
        string folder = SharedData.Shipped("goldens", "models", family);
        int last = SparseRM.Models.Architectures.ArchitectureCatalog.Read(folder).NLayers - 1;
        using var model = TransformerModel.Open(backend, folder, last, DType.BF16);
        using var forward = new TransformerForward(model);
        var golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        for (int s = 0; s < 4; s++)
        {
            int[] ids = [.. golden.Take($"ids.{s}").ReadIntegers().Select(id => (int)id)];
            int compared = 0;
            forward.RunToLayer(TokenBatch.Pack([new(ids, ReadOut.Each(0, ids.Length))]), last, (name, tensor) =>
            {
                if (!name.EndsWith("resid_post", StringComparison.Ordinal)) return;
                string recorded = $"{name.Replace("blocks.", "block.").Replace("hook_", "")}.{s}";
                var f32 = golden.Take(recorded).ReadSingles();
                double theirs = TensorAssert.RelativeError(f32, golden.Take($"bf16.{recorded}").ReadSingles());
                TensorAssert.Close(f32, Downloaded(backend, tensor), 1.5 * theirs, $"{family} {recorded} in bf16 on {backendName}");
                compared++;
            });
            Assert.Equal(last + 1, compared);
        }
    }

    private static float[] Downloaded(Backend backend, Tensor tensor)
    {
        var values = new float[tensor.Rows * tensor.Columns];
        backend.Download(tensor, values);
        return values;
    }
}
