using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Data;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm score</c>: the same lines, with their scores.</summary>
internal sealed class ScoreCommand : CliCommand
{
    private readonly Option<string> _reward = Choices.Text("--reward", "a reward file that fit wrote", "FILE", required: true);
    private readonly Option<string> _input = Choices.Text("--input",
        "jsonl with prompt and response or responses, messages, text (already rendered) or ids; - is standard input", "FILE", required: true);
    private readonly Option<string> _output = Choices.Text("--output", "the same lines with score or scores; - or nothing is standard output", "FILE");

    private readonly Option<bool> _explain = new("--explain")
    {
        Description = "add explanation (or explanations): the directions with the largest shares, and the tokens that push them",
    };

    public ScoreCommand(Session session) : base("score", "Score answers with a reward file", session,
        new Example("sparserm score --model google/gemma-2-2b-it --reward reward.safetensors --input answers.jsonl --output scored.jsonl", "a file of answers"),
        new Example(
            """echo '{"prompt": "What is 2 + 2?", "responses": ["4", "5"]}' | """
                + "sparserm score --model google/gemma-2-2b-it --reward reward.safetensors --input -",
            "several answers to one prompt"),
        new Example("sparserm score --model google/gemma-2-2b-it --reward reward.safetensors --input answers.jsonl --explain", "and why"))
    {
        this.AddAll(CommonOptions.Model, _reward, _input, _output, _explain, FitSettings.Sae, FitSettings.Layer, CommonOptions.ChatTemplate,
            CommonOptions.Truncate, CommonOptions.DType);
        this.AddAll(CommonOptions.LlamaScope);
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        string path = args.GetRequiredValue(_input);
        OutputFile.Probe(args.GetValue(_output));
        var lines = InputLines.Read(Session, path);
        var options = args.Backbone(defaultType: null);
        var (scores, explanations) = Meter.Run(Session, meter =>
        {
            using var scorer = Scorers.Open(args, args.GetRequiredValue(_reward), options, meter, Session.Cancel);
            Session.SayBackend(args, scorer.Backbone.Description);
            var found = scorer.ScoreLines(lines, path, meter, Session.Cancel);
            return (found, args.GetValue(_explain) ? Explain(scorer, lines, meter) : null);
        });
        Session.WriteData(args.GetValue(_output), stream =>
        {
            for (int i = 0; i < lines.Count; i++)
            {
                if (explanations is not null) ScoreExplanations.WriteWith(stream, lines[i], scores[i], explanations[i]);
                else if (lines[i] is AnswersInput) ScoreOutput.WriteWith(stream, lines[i], "scores", scores[i]);
                else ScoreOutput.WriteWith(stream, lines[i], "score", scores[i][0]);
            }
        });
    }

    private RewardExplanation[][] Explain(RewardScorer scorer, IReadOnlyList<ScoreInput> lines, Meter meter)
    {
        var progress = meter.Stage("explaining", lines.Count);
        var explanations = new RewardExplanation[lines.Count][];
        for (int i = 0; i < lines.Count; i++)
        {
            Session.Cancel.ThrowIfCancellationRequested();
            explanations[i] = ScoreExplanations.Of(scorer, lines[i]);
            progress.Report(i + 1);
        }
        return explanations;
    }
}
