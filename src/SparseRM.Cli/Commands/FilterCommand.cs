using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Research.Alignment;
using SparseRM.Scoring;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm filter</c>: the preference pairs with which a reward model agrees.</summary>
internal sealed class FilterCommand : CliCommand
{
    private readonly Option<string> _reward = Choices.Text("--reward", "a reward file that fit or combine wrote", "FILE", required: true);
    private readonly Option<string> _data = Choices.Text("--data", "preference pairs: jsonl, json, csv (also .gz) or parquet; - is standard input", "FILE", required: true);
    private readonly Option<double?> _minMargin = Choices.Number("--min-margin", "least lead of the chosen answer's score (default: 0; below 0 a pair is always dropped)", orZero: true);
    private readonly Option<double?> _maxMargin = Choices.Number("--max-margin", "largest lead, where pairs that are too easy teach nothing (default: any)", orZero: true);
    private readonly Option<double?> _maxDoubt = Choices.Number("--max-doubt", "largest standard deviation over the heads that either score may have (default: any; needs fit --heads)", orZero: true);
    private readonly Option<double?> _maxNovelty = Choices.Number("--max-novelty", "largest novelty, in 0..1, that either answer may have (default: any)", orZero: true);

    public FilterCommand(Session session) : base("filter",
        "Keep the preference pairs with which a reward model agrees: a pair whose chosen answer scores below its rejected one is dropped", session,
        new Example("sparserm filter --model google/gemma-2-2b-it --reward reward.safetensors --data candidates.jsonl --output pairs.jsonl", "the filter of a round of alignment"),
        new Example("sparserm filter --model google/gemma-2-2b-it --reward ensemble.safetensors --data candidates.jsonl --min-margin 0.2 --max-margin 4 --max-doubt 0.5 --max-novelty 0.99 "
            + "--output pairs.jsonl --json", "a band of margins, and nothing of which the reward model is unsure"))
    {
        this.AddAll(CommonOptions.Model, _reward, _data, _minMargin, _maxMargin, _maxDoubt, _maxNovelty, RowsOutput.Output, RowsOutput.Json);
        this.AddAll(FitSettings.Sae, FitSettings.Layer, CommonOptions.ChatTemplate, CommonOptions.Truncate, CommonOptions.DType, CommonOptions.LlamaScope);
        this.AddAll(CommonOptions.Reading);
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        string data = args.GetRequiredValue(_data), reward = args.GetRequiredValue(_reward);
        var options = new FilterOptions
        {
            MinMargin = args.GetValue(_minMargin) ?? 0, MaxMargin = args.GetValue(_maxMargin), MaxDoubt = args.GetValue(_maxDoubt), MaxNovelty = args.GetValue(_maxNovelty),
            SkipBad = args.GetValue(CommonOptions.SkipBad),
        };
        if (options.MaxMargin < options.MinMargin) throw new UsageException("--max-margin is below --min-margin, so that no pair can be kept");
        OutputFile.Probe(args.GetValue(RowsOutput.Output), OutputKind.Pairs, ("--data", data), ("--reward", reward), ("--sae", args.GetValue(FitSettings.Sae)));
        RowsOutput.Run(Session, args, stream => Told(data, Meter.Run(Session, meter =>
        {
            using var scorer = Scorers.Open(args, reward, args.Backbone(defaultType: null), model => Check(options, model, reward), meter, Session);
            Session.SayBackend(args, scorer.Backbone.Description);
            long before = scorer.Backbone.Encoder.CutInputs, bad = 0;
            string? first = null;
            var items = PreferenceFile.Stream(data, DataSettings.Of(args), error => (bad, first) = (bad + 1, first ?? error.Message));
            var counts = DataSettings.Advised(args, () => new PairFilter(scorer, options).Write(data, items, stream, meter.Bytes("scoring pairs", 0), Session.Cancel));
            if (scorer.Backbone.Encoder.CutInputs - before is > 0 and var cut) Session.Warn($"answers of {data} that were cut to the model's context of {scorer.Backbone.Config.NCtx} tokens: {cut}");
            Session.TellOfText(scorer.Backbone, hasTexts: false);
            return counts with { Bad = counts.Bad + bad, FirstBad = first ?? counts.FirstBad };
        })));
    }

    private (Report, string) Told(string data, FilterCounts counts)
    {
        if (counts.Bad > 0) Session.Warn($"bad rows of {data} left out: {counts.Bad}; the first: {Wording.OfCommandLine(counts.FirstBad!)}");
        var facts = new Report().Add("pairs", counts.Pairs).Add("kept", counts.Kept).Add("reversed", counts.Reversed).Add("thin", counts.Thin).Add("wide", counts.Wide)
            .Add("doubtful", counts.Doubtful).Add("novel", counts.Novel).Add("ties", counts.Ties).Add("bad", counts.Bad).Add("mean_margin", counts.MeanMargin);
        return (facts, FormattableString.Invariant($"pairs kept: {counts.Kept} of {counts.Pairs}, mean margin {counts.MeanMargin:F4}; dropped: {counts.Reversed} with s_w < s_l, {counts.Thin} thin and {counts.Wide} wide margins, {counts.Doubtful} doubtful, {counts.Novel} novel"));
    }

    private static void Check(FilterOptions options, RewardModel reward, string path)
    {
        if (options.MaxDoubt is not null && reward.Components.FirstOrDefault(component => component.Heads.Count < 2) is { } sole)
            throw new UsageException($"--max-doubt needs several heads, but component '{sole.Name}' of {path} has one head; fit with --heads 2 or more");
        if (options.MaxNovelty is not null && reward.Components.FirstOrDefault(component => component.Novelty is null) is { } unknown)
            throw new UsageException($"--max-novelty needs statistics of the training data, which component '{unknown.Name}' of {path} does not have; fit it again with more pairs");
    }
}
