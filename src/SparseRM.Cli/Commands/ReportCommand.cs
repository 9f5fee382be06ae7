using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Errors;
using SparseRM.Research.Reports;
using SparseRM.Scoring;
using SparseRM.Weights;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm report</c>: a reward model's card as a page.</summary>
internal sealed class ReportCommand : CliCommand
{
    private readonly Argument<string> _reward = new("REWARD") { Description = "a reward file that fit or combine wrote" };
    private readonly Option<string> _model = Choices.Text("--model", "to measure it: the model folder, or a hub id in the local Hugging Face cache", "FOLDER|ID");
    private readonly Option<string> _data = Choices.Text("--data", "to measure it: preference pairs that it was not fitted on; - is standard input", "FILE");
    private readonly Option<string> _output = Choices.Text("--output", "the page of HTML to write; - is standard output", "FILE", required: true);

    public ReportCommand(Session session) : base("report", "Write a reward model's card as one page of HTML: its fit, its directions and, with pairs, its margins and mistakes", session,
        new Example("sparserm report reward.safetensors --output card.html", "what the file itself says"),
        new Example("sparserm report reward.safetensors --model google/gemma-2-2b-it --data test.jsonl --output card.html", "and how it does on pairs"))
    {
        Arguments.Add(_reward);
        this.AddAll(_model, _data, _output, CommonOptions.Json, FitSettings.Sae, FitSettings.Layer, CommonOptions.ChatTemplate, CommonOptions.Truncate, CommonOptions.DType, CommonOptions.LlamaScope);
        this.AddAll(CommonOptions.Reading);
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        string path = args.GetRequiredValue(_reward), output = args.GetRequiredValue(_output);
        string? model = args.GetValue(_model), data = args.GetValue(_data);
        if ((model is null) != (data is null)) throw new UsageException("--model and --data go together: the model scores the answers of the data");
        if (output == "-" && args.GetValue(CommonOptions.Json)) throw new UsageException("--json and --output - both want standard output; leave one of them out");
        if (Path.Exists(path) && Recognised.Of(path) is not (PathKind.Reward or PathKind.Unknown)) throw new UsageException($"{path} is no reward file; inspect tells what it is");
        OutputFile.Probe(output, OutputKind.Plot, ("REWARD", path), ("--data", data));
        var reward = RewardModelFile.Load(path);
        var measured = model is null ? null : Measure(args, path, model, data!);
        Session.Cancel.ThrowIfCancellationRequested();
        Session.WriteData(output, RewardPage.Of(Path.GetFileName(path), reward, Facts(path, reward), measured).WriteTo);
        if (args.GetValue(CommonOptions.Json))
        {
            Session.WriteJson(new Report().Add("output", output).Add("pairs", measured?.Result.Pairs.Total).Add("accuracy", measured?.Result.Pairs.Accuracy)
                .Add("held_out_accuracy", reward.Metadata.HeldOutAccuracy).WriteTo);
        }
        if (output != "-") Session.Say($"wrote {output}");
    }

    private RewardMeasurement Measure(ParseResult args, string path, string model, string data)
    {
        var pairs = DataSettings.Read(args, data, Session, limit: null);
        return Meter.Run(Session, meter =>
        {
            using var scorer = Scorers.Open(args, path, args.Backbone(defaultType: null, model), null, meter, Session);
            Session.SayBackend(args, scorer.Backbone.Description);
            pairs = DataSettings.LeaveOutBad(args, pairs, scorer.Backbone, scorer.Position, Session);
            long before = scorer.Backbone.Encoder.CutInputs;
            var measured = DataSettings.Advised(args, () => RewardMeasurement.Of(scorer, pairs, meter, Session.Cancel));
            Session.TellOfData(scorer.Backbone, pairs, scorer.Backbone.Encoder.CutInputs - before);
            return measured;
        });
    }

    private static (string, IReadOnlyList<(string, string)>)[] Facts(string path, RewardModel reward) =>
    [
        ("The whole", InspectReports.Of(reward, SafetensorsFile.Open(path).Metadata).Shown),
        .. reward.Components.Select(component => ($"Component {component.Name}", InspectReports.Of(component).Shown)),
    ];
}
