using System.CommandLine;
using SparseRM.Benchmarking;
using SparseRM.Cli.Terminal;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm bench traffic</c>: what a training loop waits for.</summary>
internal sealed class BenchTrafficCommand : CliCommand
{
    private readonly Option<string> _shape = Choices.Of("--shape", "a model's shape with made-up weights, or miniworld, the demo's model (default: miniworld)",
        [.. ModelShapes.Names.Select(name => (name, name))]);

    private readonly Option<int?> _blocks = Choices.Whole("--blocks", "number of blocks that run (default: the shape's usual number)");
    private readonly Option<int?> _callers = Choices.Whole("--callers", "callers at once, each with one text after the other (default: 64)");
    private readonly Option<int?> _tokens = Choices.Whole("--tokens", "tokens of a text (default: 512; 25 for miniworld)");
    private readonly Option<bool> _quick = new("--quick") { Description = "a few seconds: fewer calls" };

    public BenchTrafficCommand(Session session) : base("traffic",
        "Measure single texts from many callers, tokens appended to a session, and answers to a prompt that was seen before", session,
        new Example("sparserm bench traffic", "the demo's model, some twenty seconds"),
        new Example("sparserm bench traffic --shape gemma-2-2b --blocks 4 --tokens 32", "how long an answer to a known prompt of 512 tokens takes"))
    {
        this.AddAll(_shape, _blocks, _callers, _tokens, _quick, CommonOptions.DType, CommonOptions.Backend, CommonOptions.Threads, CommonOptions.MaxBatchTokens, CommonOptions.Json);
    }

    protected override void Run(ParseResult args)
    {
        var options = new BenchOptions
        {
            Model = args.GetValue(_shape) ?? ModelShapes.MiniWorld,
            Blocks = args.GetValue(_blocks),
            Tokens = args.GetValue(_tokens),
            Threads = [args.GetValue(CommonOptions.Threads) ?? 0],
            Quick = args.GetValue(_quick),
            Backend = args.GetValue(CommonOptions.Backend) ?? "auto",
            Compute = args.Compute(null),
            MaxBatchTokens = args.GetValue(CommonOptions.MaxBatchTokens) ?? Models.BatchPlan.DefaultTokens,
        };
        var result = Meter.Run(Session, meter => TrafficBenchmark.Run(options, args.GetValue(_callers) ?? 64, meter, Session.Cancel));
        var report = new Report().Add("model", result.Model.Name).Add("blocks", result.Model.Blocks).Add("tokens", result.Tokens)
            .Add("single_ms", Milliseconds(result.Single.Median)).Add("batch_tokens_per_second", Math.Round(result.BatchTokensPerSecond, 1))
            .Add("callers", result.Callers).Add("callers_tokens_per_second", Math.Round(result.CallersTokensPerSecond, 1))
            .Add("callers_share_of_batch", Math.Round(result.CallersTokensPerSecond / result.BatchTokensPerSecond, 3))
            .Add("append_ms", Milliseconds(result.Append.Median)).Add("append_p90_ms", Milliseconds(result.Append.Quantile(0.9)))
            .Add("prompt_tokens", result.PromptTokens).Add("answer_tokens", result.AnswerTokens)
            .Add("answer_to_known_prompt_ms", Milliseconds(result.Answer.Median)).Add("answer_in_batch_ms", Milliseconds(result.AnswerInBatch))
            .Add("known_over_batch", Math.Round(result.Answer.Median / result.AnswerInBatch, 3));
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => report.WriteTo(json));
        else Session.Tables.Write(report.ToTable("Traffic"));
    }

    private static double Milliseconds(double seconds) => Math.Round(seconds * 1000, 4);
}
