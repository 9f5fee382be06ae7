using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Research.Alignment;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm make-pairs</c>: preference pairs of scored answers.</summary>
internal sealed class MakePairsCommand : CliCommand
{
    private readonly Option<string> _input = Choices.Text("--input",
        "scored answers as score writes them: prompt with responses and scores, or neighbouring lines of a prompt with response and score; - is standard input", "FILE", required: true);
    private readonly Option<double?> _minMargin = Choices.Number("--min-margin", "least lead of the best answer over the worst (default: 0; ties are always left out)", orZero: true);

    public MakePairsCommand(Session session) : base("make-pairs",
        "Make preference pairs of scored answers: the best against the worst of each prompt, as rows that TRL's trainers and fit read", session,
        new Example("sparserm make-pairs --input scored.jsonl --output pairs.jsonl", "the best against the worst of each prompt"),
        new Example("sparserm score --model google/gemma-2-2b-it --reward reward.safetensors --input samples.jsonl | sparserm make-pairs --input - --min-margin 0.5 --output pairs.jsonl --json",
            "straight from scoring, without thin margins"))
    {
        this.AddAll(_input, _minMargin, RowsOutput.Output, RowsOutput.Json);
    }

    protected override void Run(ParseResult args)
    {
        string input = args.GetRequiredValue(_input);
        OutputFile.Probe(args.GetValue(RowsOutput.Output), OutputKind.Pairs, ("--input", input));
        RowsOutput.Run(Session, args, stream =>
        {
            var counts = RowsOutput.Advised(() => PairMaker.Write(input, args.GetValue(_minMargin) ?? 0, stream, Session.Cancel));
            var facts = new Report().Add("prompts", counts.Prompts).Add("pairs", counts.Written).Add("ties", counts.Ties).Add("thin", counts.Thin).Add("single", counts.Single)
                .Add("unscored", counts.Unscored).Add("mean_margin", counts.MeanMargin);
            return (facts, FormattableString.Invariant($"pairs: {counts.Written} of {counts.Prompts} prompts, mean margin {counts.MeanMargin:F4}; left out: {counts.Ties} ties, {counts.Thin} thin margins, {counts.Single} with fewer than two scored answers; answers without a score: {counts.Unscored}"));
        });
    }
}
