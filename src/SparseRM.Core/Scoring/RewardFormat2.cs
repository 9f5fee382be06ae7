using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Weights;

namespace SparseRM.Scoring;

/// <summary>Writes and reads reward files of format 2.</summary>
/// <remarks>
/// Metadata: what all components share, <c>components</c> (their number), <c>aggregate</c>, <c>checksum</c>; for component i, what is its own under
/// <c>component.i.</c>. Tensors likewise: those of format 1, but with one row a head: <c>head.W1</c> [heads, hidden, n], <c>head.b1</c>,
/// <c>head.W2</c> [heads, hidden], <c>head.b2</c> [heads]; <c>novelty.{whitening,distances,tails,scale}</c>; <c>probe.ids</c> I64 [tokens of all items],
/// <c>probe.lengths</c>, <c>probe.read_starts</c>, <c>probe.read_ends</c> I64 [items], <c>probe.scores</c> [items, heads]. A field or tensor too many is refused.
/// <c>calibration.{temperature,intercept,pairs,error_before,error_after}</c> and <c>component.i.choice.*</c> are there only where they apply.
/// </remarks>
internal static class RewardFormat2
{
    public const string Version = "2";

    private const int MostComponents = 1 << 10, MostHeads = 1 << 16;

    public static Dictionary<string, string> Fields(RewardModel model)
    {
        var fields = new Dictionary<string, string>
        {
            ["format"] = RewardModelFile.Format,
            ["format_version"] = Version,
            ["d_model"] = RewardFields.Write(model.DModel),
            ["components"] = RewardFields.Write(model.Components.Count),
            ["aggregate"] = model.Aggregate.ToString(),
        };
        RewardModelFacts.WriteShared(fields, model.Metadata);
        if (model.Calibration is { } calibration)
        {
            fields["calibration.temperature"] = RewardFields.Write(calibration.Temperature);
            fields["calibration.intercept"] = RewardFields.Write(calibration.Intercept);
            fields["calibration.pairs"] = RewardFields.Write(calibration.Pairs);
            fields["calibration.error_before"] = RewardFields.Write(calibration.ErrorBefore);
            fields["calibration.error_after"] = RewardFields.Write(calibration.ErrorAfter);
        }
        for (int i = 0; i < model.Components.Count; i++)
        {
            var (component, prefix) = (model.Components[i], Prefix(i));
            fields[prefix + "name"] = component.Name;
            fields[prefix + "weight"] = RewardFields.Write(component.Weight);
            fields[prefix + "input"] = HeadInput.Name(component.Input.Kind);
            fields[prefix + "bootstrap"] = component.Metadata.Bootstrap ? "yes" : "no";
            fields[prefix + "novelty"] = component.Novelty is { } novelty ? novelty.Calibration.ToString().ToLowerInvariant() : "";
            if (component.Novelty is not null) fields[prefix + "novelty_samples"] = RewardFields.Write(component.Novelty.Samples);
            fields[prefix + "probe"] = component.Probe?.Arithmetic ?? "";
            RewardModelFacts.WriteOwn(fields, prefix, component.Metadata);
            if (component.Input.Latents.Count == 0) continue;
            fields[prefix + "chosen_samples"] = RewardFields.Write(component.Input.Latents[0].ChosenSamples);
            fields[prefix + "rejected_samples"] = RewardFields.Write(component.Input.Latents[0].RejectedSamples);
        }
        return fields;
    }

    public static IReadOnlyList<TensorToWrite> Tensors(RewardModel model) =>
        [.. model.Components.SelectMany((component, i) => RewardTensors.OfInput(Prefix(i), component).Concat(Tensors(component, Prefix(i))))];

    public static RewardModel Read(SafetensorsFile file, RewardFields fields)
    {
        RewardChecksum.Require(file.Path, fields.Text("checksum"));
        int count = (int)fields.Integer("components", 1, MostComponents), dModel = (int)fields.Integer("d_model", 1, 1 << 26);
        try
        {
            var components = Enumerable.Range(0, count).Select(i => ReadComponent(file, fields, i, dModel)).ToArray();
            var aggregate = ScoreAggregate.Parse(fields.Text("aggregate"));
            var calibration = fields.Has("calibration.temperature") ? ReadCalibration(fields) : null;
            fields.RequireAllRead();
            file.RequireAllTaken();
            return new RewardModel(components, aggregate, calibration: calibration);
        }
        catch (Exception error) when (error is ArgumentException || (error is SparseRMException && error is not ModelFormatException))
        {
            throw new ModelFormatException(file.Path, $"is not a whole reward model: {error.Message}", error);
        }
    }

    private static string Prefix(int component) => $"component.{RewardFields.Write(component)}.";

    private static IEnumerable<TensorToWrite> Tensors(RewardComponent component, string prefix)
    {
        var heads = component.Heads;
        int hidden = heads[0].HiddenUnits, n = component.Input.Count;
        yield return TensorToWrite.Singles(prefix + "head.W1", Joined(head => head.W1), heads.Count, hidden, n);
        yield return TensorToWrite.Singles(prefix + "head.b1", Joined(head => head.B1), heads.Count, hidden);
        yield return TensorToWrite.Singles(prefix + "head.W2", Joined(head => head.W2), heads.Count, hidden);
        yield return TensorToWrite.Singles(prefix + "head.b2", heads.Select(head => head.B2).ToArray(), heads.Count);
        if (component.Novelty is { } novelty)
        {
            yield return TensorToWrite.Singles(prefix + "novelty.whitening", novelty.Whitening, novelty.Whitening.Length);
            yield return TensorToWrite.Singles(prefix + "novelty.distances", novelty.Distances, novelty.Distances.Length);
            yield return TensorToWrite.Singles(prefix + "novelty.tails", novelty.Tails, novelty.Tails.Length);
            yield return TensorToWrite.Singles(prefix + "novelty.scale", new[] { novelty.TailScale }, 1);
        }
        if (component.Probe is { } probe)
        {
            long[] ids = [.. probe.Items.SelectMany(item => item.Sequence.Ids.ToArray(), (_, id) => (long)id)];
            yield return TensorToWrite.Integers(prefix + "probe.ids", ids, ids.Length);
            yield return Numbers("probe.lengths", sequence => sequence.Ids.Length);
            yield return Numbers("probe.read_starts", sequence => sequence.ReadOut.Start);
            yield return Numbers("probe.read_ends", sequence => sequence.ReadOut.End);
            yield return TensorToWrite.Singles(prefix + "probe.scores", probe.Items.SelectMany(item => item.Scores).ToArray(), probe.Items.Count, heads.Count);

            TensorToWrite Numbers(string name, Func<TokenSequence, long> number) =>
                TensorToWrite.Integers(prefix + name, probe.Items.Select(item => number(item.Sequence)).ToArray(), probe.Items.Count);
        }

        float[] Joined(Func<RewardHead, ReadOnlyMemory<float>> part) => [.. heads.SelectMany(head => part(head).ToArray())];
    }

    private static RewardComponent ReadComponent(SafetensorsFile file, RewardFields fields, int index, int dModel)
    {
        string prefix = Prefix(index);
        var tensors = new RewardTensors(file, prefix);
        int n = tensors.Size("mean_input", 0), heads = tensors.Size("head.b1", 0), hidden = tensors.Size("head.b1", 1);
        if (heads > MostHeads || (long)heads * hidden * n > Array.MaxLength)
            throw new ModelFormatException(file.Path, $"component {index} has {heads} heads of {hidden} units over {n} inputs; that is more than this engine reads");
        float[] mean = tensors.Singles("mean_input", n), w1 = tensors.Singles("head.W1", heads, hidden, n);
        float[] b1 = tensors.Singles("head.b1", heads, hidden), w2 = tensors.Singles("head.W2", heads, hidden), b2 = tensors.Singles("head.b2", heads);
        var input = tensors.ReadInput(fields.Choice<HeadInputKind>(prefix + "input"), dModel, n, () =>
            ((int)fields.Integer(prefix + "chosen_samples", 1, int.MaxValue), (int)fields.Integer(prefix + "rejected_samples", 1, int.MaxValue)));
        bool bootstrap = fields.OneOf(prefix + "bootstrap", "yes", "no") == "yes";
        return new RewardComponent(
            fields.Text(prefix + "name"), fields.Number(prefix + "weight", double.MinValue, double.MaxValue), input,
            [.. Enumerable.Range(0, heads).Select(h => new RewardHead(n, hidden, w1[(h * hidden * n)..((h + 1) * hidden * n)], Row(b1, h), Row(w2, h), b2[h]))],
            mean, RewardModelFacts.Read(fields, prefix, bootstrap), ReadNovelty(fields, tensors, prefix, mean), ReadProbe(fields, tensors, prefix, heads));

        float[] Row(float[] values, int head) => values[(head * hidden)..((head + 1) * hidden)];
    }

    private static ScoreCalibration ReadCalibration(RewardFields fields) => new(
        fields.Number("calibration.temperature", double.Epsilon, double.MaxValue), fields.Number("calibration.intercept", double.MinValue, double.MaxValue),
        (int)fields.Integer("calibration.pairs", 1, int.MaxValue), fields.Number("calibration.error_before", 0, 1), fields.Number("calibration.error_after", 0, 1));

    private static NoveltyEstimator? ReadNovelty(RewardFields fields, RewardTensors tensors, string prefix, float[] mean)
    {
        if (fields.Optional(prefix + "novelty") is null) return null;
        var calibration = fields.Choice<NoveltyCalibration>(prefix + "novelty");
        int kept = tensors.Size("novelty.distances", 0), samples = (int)fields.Integer(prefix + "novelty_samples", 1, int.MaxValue);
        return new NoveltyEstimator(mean, tensors.Singles("novelty.whitening", NoveltyEstimator.WhiteningLength(mean.Length)),
            tensors.Singles("novelty.distances", kept), tensors.Singles("novelty.tails", kept), tensors.Singles("novelty.scale", 1)[0], calibration, samples);
    }

    private static RewardProbe? ReadProbe(RewardFields fields, RewardTensors tensors, string prefix, int heads)
    {
        if (fields.Optional(prefix + "probe") is not { } arithmetic) return null;
        int tokens = tensors.Size("probe.ids", 0), count = tensors.Size("probe.lengths", 0);
        int[] ids = tensors.Integers("probe.ids", tokens, 0, int.MaxValue), lengths = tensors.Integers("probe.lengths", count, 1, tokens);
        int[] starts = tensors.Integers("probe.read_starts", count, 0, tokens), ends = tensors.Integers("probe.read_ends", count, 1, tokens);
        float[] scores = tensors.Singles("probe.scores", count, heads);
        if (lengths.Sum(length => (long)length) != tokens) throw new ArgumentException($"the lengths of the probe's inputs do not add up to {tokens} tokens");
        int at = 0;
        return new RewardProbe(arithmetic, [.. Enumerable.Range(0, count).Select(i =>
            new ProbeItem(new TokenSequence(ids[at..(at += lengths[i])], ends[i] == starts[i] + 1 ? ReadOut.At(starts[i]) : ReadOut.Mean(starts[i], ends[i])),
                scores[(i * heads)..((i + 1) * heads)]))]);
    }
}
