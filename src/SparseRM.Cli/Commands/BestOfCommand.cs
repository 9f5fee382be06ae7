using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Research.Alignment;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm best-of</c>: the best of n scored answers.</summary>
internal sealed class BestOfCommand : CliCommand
{
    private readonly Option<string> _input = Choices.Text("--input",
        "scored answers as score writes them: prompt with responses and scores, or neighbouring lines of a prompt with response and score; - is standard input", "FILE", required: true);

    public BestOfCommand(Session session) : base("best-of", "Keep the best of each prompt's scored answers, as rows that TRL's SFTTrainer reads", session,
        new Example("sparserm best-of --input scored.jsonl --output best.jsonl --json", "rejection sampling: the best of n"))
    {
        this.AddAll(_input, RowsOutput.Output, RowsOutput.Json);
    }

    protected override void Run(ParseResult args)
    {
        string input = args.GetRequiredValue(_input);
        OutputFile.Probe(args.GetValue(RowsOutput.Output), OutputKind.Completions, ("--input", input));
        RowsOutput.Run(Session, args, stream =>
        {
            var counts = RowsOutput.Advised(() => BestOf.Write(input, stream, Session.Cancel));
            var facts = new Report().Add("prompts", counts.Prompts).Add("kept", counts.Written).Add("answers", counts.Answers).Add("ties", counts.Ties).Add("single", counts.Single)
                .Add("unscored", counts.Unscored).Add("mean_score", counts.MeanScore).Add("mean_best", counts.MeanBest);
            return (facts, FormattableString.Invariant($"answers kept: {counts.Written} of {counts.Answers}, one a prompt; mean score {counts.MeanBest:F4} against {counts.MeanScore:F4} of all; shared best scores: {counts.Ties}; prompts with one answer: {counts.Single}; answers without a score: {counts.Unscored}"));
        });
    }
}
