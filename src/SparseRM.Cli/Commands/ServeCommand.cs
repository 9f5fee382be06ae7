using System.CommandLine;
using System.Net;
using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Demo;
using SparseRM.Errors;
using SparseRM.Server;
using SparseRM.Weights;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm serve</c>: rewards over HTTP, in the forms that RL trainers speak.</summary>
internal sealed class ServeCommand : CliCommand
{
    private const double Day = 86_400;
    private const int Hangup = 1;
    private const nint Default = 0;
    private static readonly ServerLimits s_limits = new();
    private readonly Option<string> _model = Choices.Text("--model", "a model folder, or a hub id in the local Hugging Face cache", "FOLDER|ID");

    private readonly Option<string[]> _reward = new("--reward")
    {
        Description = "a reward file, or NAME=FILE; may be given several times, requests name them in their field model, and the first answers where they do not",
        HelpName = "[NAME=]FILE",
    };

    private readonly Option<bool> _demo = new("--demo") { Description = "serve the demo's model and reward: nothing else is needed" };

    private readonly Option<string> _listen = Choices.Text("--listen", "address and port (default: 127.0.0.1:8000; port 0 takes a free one)", "ADDRESS:PORT");
    private readonly Option<string> _keyFile = Choices.Text("--api-key", "a file with the key that clients must send (default: the environment's SPARSERM_API_KEY; none)", "FILE");
    private readonly Option<bool> _insecure = new("--insecure") { Description = "serve other machines without a key" };
    private readonly Option<string> _certificate = Choices.Text("--tls-certificate", "a PEM certificate, for HTTPS", "FILE");
    private readonly Option<string> _key = Choices.Text("--tls-key", "its PEM key", "FILE");
    private readonly Option<RerankWire> _wire = Choices.Of("--wire", "whose answer /v1/rerank gives (default: vllm)", ("vllm", RerankWire.Vllm), ("sglang", RerankWire.Sglang));
    private readonly Option<int?> _requests = Choices.Whole("--max-queue-requests", $"requests that may wait (default: {new QueueOptions().MaxRequests})");
    private readonly Option<int?> _tokens = Choices.Whole("--max-queue-tokens", $"tokens that may wait (default: {new QueueOptions().MaxTokens})");
    private readonly Option<int?> _items = Choices.Whole("--max-items", $"inputs of a request (default: {s_limits.Items})");
    private readonly Option<int?> _body = Choices.Whole("--max-body-mib", $"MiB of a request (default: {s_limits.BodyBytes >> 20})", most: 1024);
    private readonly Option<double?> _deadline = Choices.Number("--deadline", $"seconds that a request may take (default: {s_limits.Deadline.TotalSeconds})", most: Day);
    private readonly Option<int?> _cache = Choices.Whole("--prefix-cache-mib", $"MiB of keys and values kept of earlier texts (default: {BackboneOptions.DefaultPrefixCacheBytes >> 20})", least: 0,
        most: (int)Math.Min(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20, int.MaxValue));

    private readonly Option<int?> _keep = Choices.Whole("--keep", "scored texts that the page may open again, in memory only (default: none; with --demo 20)", least: 0);
    private readonly Option<string> _traces = Choices.Text("--traces",
        "an OpenTelemetry collector to send traces to, such as http://127.0.0.1:4318 (default: the environment's OTEL_EXPORTER_OTLP_ENDPOINT; none)", "URL");

    private readonly Option<bool> _logTexts = new("--log-texts") { Description = "log requests with their texts" };
    private readonly Option<bool> _logRequests = new("--log-requests") { Description = "log every request, not only failures" };
    private readonly Option<string> _logFormat = Choices.Of("--log-format", "lines for people or JSON (default: text)", ("text", "text"), ("json", "json"));

    public ServeCommand(Session session) : base("serve", "Serve rewards over HTTP to RL trainers, and a page that shows why", session,
        new Example("sparserm serve --demo", "the demo's reward, and its page at http://127.0.0.1:8000"),
        new Example("sparserm serve --model google/gemma-2-2b-it --reward reward.safetensors", "one reward, for trainers on this machine"),
        new Example("sparserm serve --model google/gemma-2-2b-it --reward reward.safetensors --cluster", "on one machine; start it again with another port, and both share their prompts"),
        new Example("sparserm serve --model google/gemma-2-2b-it --reward helpful=a.safetensors --reward safe=b.safetensors --listen 0.0.0.0:8000 --api-key key.txt",
            "two rewards over one forward pass, for other machines"))
    {
        this.AddAll(_model, _demo, _listen, _keyFile, _insecure, _certificate, _key, _wire, _requests, _tokens, _items, _body, _deadline, _cache, _keep,
            _traces, _logTexts, _logRequests, _logFormat, CommonOptions.ChatTemplate, CommonOptions.DType);
        Options.Add(_reward);
#if !AOT
        this.AddAll(FarmFleet.All);
#endif
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        Session.AfterInterrupt = "no request was accepted yet";
        RunAsync(args).GetAwaiter().GetResult();
    }

    private async Task RunAsync(ParseResult args)
    {
        var options = Asked(args);
#if !AOT
        await FarmFleet.CheckAsync(args, Session.Cancel);
#endif
        var server = await RewardServer.StartAsync(options, logging => Configure(logging, args), Session.Cancel);
        await using (server)
        {
#if !AOT
            var fleet = await FarmFleet.JoinAsync(args, server, logging => Configure(logging, args), Session.Cancel);
#endif
            Say($"serving {string.Join(", ", options.Rewards.Select(reward => reward.Name))} at {server.Address}");
            // nohup has it ignored, which the runtime would keep; here it asks for a reload.
            SetSignal(Hangup, Default);
            using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                _ = ReloadAsync(server);
            });
            var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using var registration = Session.Cancel.Register(stop.SetResult);
#if AOT
            await stop.Task;
            await server.StopAsync();
#else
            var lost = fleet?.Lost ?? Task.Delay(Timeout.Infinite).ContinueWith(_ => "", TaskScheduler.Default);
            await Task.WhenAny(stop.Task, lost);
            // The others send nothing more here; what they sent is answered.
            if (fleet is not null) await fleet.DisposeAsync();
            await server.StopAsync();
            if (fleet?.Lost is { IsCompleted: true } why) throw new SparseRMException(await why);
#endif
        }
    }

    [DllImport("libc", EntryPoint = "signal")]
    private static extern nint SetSignal(int signal, nint handler);

    private async Task ReloadAsync(RewardServer server)
    {
        try
        {
            await server.ReloadAsync();
        }
        catch (Exception error)
        {
            Say($"nothing was reloaded: {error.Message}");
        }
    }

    /// <summary>That nobody can be told, since a disk is full, is no reason to stop.</summary>
    private void Say(string line)
    {
        try
        {
            Session.Messages.WriteLine(line);
        }
        catch (IOException)
        {
            // The server goes on.
        }
    }

    private void Configure(ILoggingBuilder logging, ParseResult args)
    {
        logging.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning);
        if (args.GetValue(_logFormat) == "json")
            logging.AddJsonConsole(console =>
            {
                (console.UseUtcTimestamp, console.TimestampFormat) = (true, "O");
                console.JsonWriterOptions = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
            });
        else
            logging.AddSimpleConsole(console => (console.SingleLine, console.UseUtcTimestamp, console.TimestampFormat) = (true, true, "HH:mm:ss "));
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private ServerOptions Asked(ParseResult args)
    {
        bool demo = args.GetValue(_demo);
        string[] files = args.GetValue(_reward) ?? [];
        if (demo && (args.Has(_model) || files.Length > 0)) throw new UsageException("--demo serves its own model and reward; leave --model and --reward out");
        if (!demo && !args.Has(_model)) throw new UsageException("serve needs --model and --reward, or --demo");
        if (!demo && files.Length == 0) throw new UsageException("serve needs at least one --reward, a file that fit wrote");
        if (args.Has(_certificate) != args.Has(_key)) throw new UsageException("--tls-certificate and --tls-key go together; give both, or neither");
        var address = ListenAddress.Parse(_listen.Name, args.GetValue(_listen) ?? "127.0.0.1:8000");
        string? key = ApiKey(args.GetValue(_keyFile));
        if (key is null && !args.GetValue(_insecure) && !IPAddress.IsLoopback(address.Address))
            throw new UsageException($"--listen: {address.Address} can be reached from other machines, and no key is set; give --api-key FILE, or --insecure to serve anybody");
#if !AOT
        FarmFleet.Check(args, address);
#endif
        var queue = new QueueOptions();
        long body = args.GetValue(_body) is { } mebibytes ? (long)mebibytes << 20 : s_limits.BodyBytes;
        return new ServerOptions
        {
            Backbone = args.Backbone(null, demo ? MiniWorldDemo.Model : args.GetValue(_model)!) with
            {
                PrefixCacheBytes = args.GetValue(_cache) is { } cached ? (long)cached << 20 : BackboneOptions.DefaultPrefixCacheBytes,
                Queue = queue with { MaxRequests = args.GetValue(_requests) ?? queue.MaxRequests, MaxTokens = args.GetValue(_tokens) ?? queue.MaxTokens },
            },
            Rewards = demo ? [new NamedReward("miniworld", MiniWorldDemo.Reward)] : [.. files.Select(Named)],
            Listen = address,
            ApiKey = key,
            Insecure = args.GetValue(_insecure),
            TlsCertificate = args.GetValue(_certificate),
            TlsKey = args.GetValue(_key),
            Rerank = args.GetValue(_wire),
            Keep = args.GetValue(_keep) ?? (demo ? 20 : 0),
            Example = demo ? Example() : null,
            Traces = Traces(args.GetValue(_traces)),
            LogTexts = args.GetValue(_logTexts),
            LogRequests = args.GetValue(_logRequests),
            Limits = s_limits with
            {
                Items = args.GetValue(_items) ?? s_limits.Items,
                BodyBytes = body,
                HeldBodyBytes = Math.Max(s_limits.HeldBodyBytes, 2 * body),
                Deadline = args.GetValue(_deadline) is { } seconds ? TimeSpan.FromSeconds(seconds) : s_limits.Deadline,
            },
        };
    }

    /// <summary>The first test question of the demo, with its right and its wrong answer.</summary>
    private static PageExample Example()
    {
        var item = PreferenceFile.Read(MiniWorldDemo.Pairs("truthfulness", "test"), new PreferenceReadOptions { Limit = 1 }).Items[0];
        return new PageExample(item.Prompt[^1].Content!, item.Chosen[0][^1].Content!, item.Rejected[0][^1].Content!);
    }

    /// <summary>NAME=FILE, or a file that is called as it is named without its ending.</summary>
    private static NamedReward Named(string given)
    {
        int equals = given.IndexOf('=');
        var named = equals < 0 ? new NamedReward(Path.GetFileNameWithoutExtension(given), given) : new NamedReward(given[..equals], given[(equals + 1)..]);
        return named.Name.Length > 0 && named.Path.Length > 0 ? named : throw new UsageException($"--reward: '{given}' is neither a file nor NAME=FILE");
    }

    private static Uri? Traces(string? given)
    {
        string? address = given ?? Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT");
        if (string.IsNullOrEmpty(address)) return null;
        return Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            ? uri : throw new UsageException($"{(given is null ? "OTEL_EXPORTER_OTLP_ENDPOINT" : "--traces")}: '{address}' is not the address of a collector such as http://127.0.0.1:4318");
    }

    private static string? ApiKey(string? file)
    {
        if (file is null) return Environment.GetEnvironmentVariable("SPARSERM_API_KEY") is { Length: > 0 } given ? given : null;
        if (NamedPipe.IsAt(file)) throw new UsageException($"--api-key: {file} is a named pipe or a socket, expected a file that holds the key");
        string why = Directory.Exists(file) ? "is a folder" : "cannot be read";
        try
        {
            string key = File.ReadAllText(file).Trim();
            return key.Length > 0 ? key : throw new UsageException($"--api-key: {file} is empty, expected a file that holds the key");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            if (error is FileNotFoundException or DirectoryNotFoundException) why = "does not exist";
            throw new UsageException($"--api-key: {file} {why}, expected a file that holds the key");
        }
    }
}
