using SparseRM.Backends;
using SparseRM.Data;
using SparseRM.Demo;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking;

/// <summary>How far scores differ between the kernels of a backend, and so between machines that run different ones; measured on MiniWorld.</summary>
/// <param name="Compute">F32 or BF16 products.</param>
/// <param name="Choices">Choices of kernels that were compared: each variant of each op by itself, and those of one name for all ops.</param>
/// <param name="Texts">Texts scored with each.</param>
/// <param name="Bound">What their difference should stay below; see <see cref="ScoreBound"/>.</param>
/// <param name="Measured">The largest difference between the scores of one text by any two choices.</param>
/// <param name="Spread">The difference between the highest and the lowest score, beside which the others are to be seen.</param>
/// <param name="SameBits">Whether with each choice a text, one or another, had the same bits of score alone and in company.</param>
public sealed record VariantAgreement(DType Compute, int Choices, int Texts, double Bound, double Measured, double Spread, bool SameBits)
{
    private const int TextCount = 3;

    /// <summary>Scores a few texts with every kernel that this machine runs.</summary>
    /// <param name="backend">A name of <see cref="BackendCatalog.Names"/>.</param>
    /// <param name="compute">F32 or BF16.</param>
    /// <exception cref="Errors.SparseRMException">The backend or the demo's model is not available.</exception>
    public static VariantAgreement Measure(string backend, DType compute)
    {
        var model = BenchModel.Of(new BenchOptions { Model = ModelShapes.MiniWorld });
        var options = new BenchOptions { Model = ModelShapes.MiniWorld, Backend = backend, Compute = compute };
        using var backbone = model.Open(options, threads: 0, null, default);
        using var scorer = backbone.Attach(RandomReward.For(backbone, model.Blocks - 1, options.Seed));
        var data = PreferenceFile.Read(MiniWorldDemo.Pairs("truthfulness", "test"), new PreferenceReadOptions { Limit = TextCount });
        var texts = Completions.Of(backbone.Encoder, ReadOutPosition.Last, data).Sequences.Take(TextCount).ToArray();
        var defaults = Selected(backbone.Backend);
        var choices = Every(backbone.Backend, defaults);
        bool sameBits = true;
        var scores = new List<float[]>();
        foreach (var choice in choices)
        {
            foreach (var (op, variant) in choice) backbone.Backend.Select(op, variant);
            float[] together = scorer.ScoreBatch(texts);
            int alone = scores.Count % texts.Length;
            sameBits &= BitConverter.SingleToInt32Bits(scorer.ScoreBatch([texts[alone]])[0]) == BitConverter.SingleToInt32Bits(together[alone]);
            scores.Add(together);
        }
        var all = scores.SelectMany(row => row).ToArray();
        double measured = Enumerable.Range(0, texts.Length).Max(i => (double)scores.Max(row => row[i]) - scores.Min(row => row[i]));
        return new VariantAgreement(
            compute, choices.Count, texts.Length, ScoreBound.Of(scorer, texts), measured, (double)all.Max() - all.Min(), sameBits);
    }

    private static Dictionary<OpKind, string> Selected(Backend backend) =>
        Enum.GetValues<OpKind>().ToDictionary(op => op, op => backend.Variants(op).First(variant => variant.Selected).Name);

    private static List<Dictionary<OpKind, string>> Every(Backend backend, Dictionary<OpKind, string> defaults)
    {
        var supported = Enum.GetValues<OpKind>().SelectMany(op => backend.Variants(op)
            .Where(variant => variant.Supported && variant.BatchInvariant).Select(variant => (Op: op, variant.Name))).ToArray();
        List<Dictionary<OpKind, string>> choices = [defaults];
        foreach (var (op, name) in supported)
            if (defaults[op] != name) choices.Add(new(defaults) { [op] = name });
        foreach (string name in supported.Select(variant => variant.Name).Distinct())
        {
            var choice = new Dictionary<OpKind, string>(defaults);
            foreach (var (op, _) in supported.Where(variant => variant.Name == name)) choice[op] = name;
            choices.Add(choice);
        }
        return choices;
    }
}
