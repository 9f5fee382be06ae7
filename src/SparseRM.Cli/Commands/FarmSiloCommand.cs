using System.CommandLine;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.DependencyInjection;
using SparseRM.Cli.Terminal;
using SparseRM.Errors;
using SparseRM.Farm.Clusters;
using SparseRM.Farm.Workers;
using SparseRM.Parts;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm farm silo</c>: a machine of the farm, with one model.</summary>
internal sealed class FarmSiloCommand : CliCommand
{
    private readonly Option<string> _reward = Choices.Text("--reward", "a reward file that fit or combine wrote", "FILE", required: true);
    private readonly Option<string> _metrics = Choices.Text("--metrics", "serve /metrics of the farm for Prometheus here, without a key (default: not)", "ADDRESS:PORT");
    private readonly Option<bool> _log = new("--log") { Description = "show the cluster's messages" };

    public FarmSiloCommand(Session session) : base("silo", "Join the farm with a model, or begin it; computes shards until it is interrupted", session,
        new Example("sparserm farm silo --model google/gemma-2-2b-it --reward reward.safetensors", "on one machine, with nothing to set up"),
        new Example("sparserm farm silo --model google/gemma-2-2b-it --reward reward.safetensors --postgres 'Host=db;Database=farm;Username=farm' --address 10.0.0.7",
            "one of many machines"))
    {
        this.AddAll(CommonOptions.Model, _reward, _metrics, _log);
        this.AddAll(FarmSettings.Client);
        this.AddAll(FarmSettings.Address, FarmSettings.Lease);
        this.AddAll(ScoreSettings.All);
        this.AddAll(FitSettings.Sae, FitSettings.Layer, CommonOptions.ChatTemplate, CommonOptions.Truncate, CommonOptions.AddEos, CommonOptions.DType, CommonOptions.LlamaScope);
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        Session.AfterInterrupt = "the silo left the farm";
        RunAsync(args).GetAwaiter().GetResult();
    }

    private async Task RunAsync(ParseResult args)
    {
        string reward = args.GetRequiredValue(_reward);
        var asked = ScoreSettings.Read(args);
        if (args.GetValue(ScoreSettings.Probability)) throw new UsageException("a silo writes scores alone: leave out --probability");
        bool addEos = args.GetValue(CommonOptions.AddEos);
        var listen = args.GetValue(_metrics) is { } given ? ListenAddress.Parse(_metrics.Name, given) : null;
        if (args.Has(FarmSettings.Address) && args.Farm().IsInMemory)
            throw new UsageException($"{FarmSettings.Address.Name} is how other machines reach this one, and they need a database to find each other; add --postgres or --redis, or leave it out");
        await FarmSilo.CheckAsync(args.Farm(), Session.Cancel);
        using var scorer = Meter.Run(Session, meter =>
            Scorers.Open(args, reward, args.Backbone(defaultType: null), model => ScoreSettings.Check(args, asked, model, reward), meter, Session));
        var fingerprint = ScoringFingerprint.Of(scorer, reward, asked, addEos, Session.Cancel);
        await using var silo = await FarmSilo.StartAsync(args.Farm(),
            name => new ScoringMeans(new PartScorer(scorer, asked, addEos, Wording.OfCommandLine, name), fingerprint), logging => Configure(logging, args), Session.Cancel);
        await using var page = listen is null ? null : await FarmPage.StartAsync(listen, silo, Session.Cancel);
        Session.Messages.WriteLine($"silo at port {silo.Port}, clients at {silo.Gateway}: {scorer.Backbone.Description}");
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = Session.Cancel.Register(stop.SetResult);
        await Task.WhenAny(stop.Task, silo.Lost);
        if (!stop.Task.IsCompleted) throw new SparseRMException(await silo.Lost);
    }

    // The cluster tells of every silo that comes and goes, of which only a worker's troubles are of interest to most.
    private void Configure(ILoggingBuilder logging, ParseResult args)
    {
        logging.SetMinimumLevel(args.GetValue(_log) ? LogLevel.Information : LogLevel.Warning);
        if (!args.GetValue(_log)) logging.AddFilter("Orleans", LogLevel.None).AddFilter("Microsoft", LogLevel.Error);
        logging.AddSimpleConsole(console => (console.SingleLine, console.UseUtcTimestamp, console.TimestampFormat) = (true, true, "HH:mm:ss "));
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }
}
