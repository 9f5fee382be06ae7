using System.CommandLine;
using System.Text.Json;
using SparseRM.Cli.Lines;
using SparseRM.Lines;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Research.Monitoring;
using SparseRM.Scoring;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm monitor</c>: whether a stream of answers is still like those that a reward was fitted for.</summary>
internal sealed class MonitorCommand : CliCommand
{
    private const int WindowTokens = 1 << 13, MostAlarms = 1000;

    private readonly Argument<string> _reward = new("REWARD") { Description = "a reward file that fit or combine wrote" };
    private readonly Option<string> _input = Choices.Text("--input", "answers to score and watch, as score reads them (needs --model): scores, novelty and every direction; - is standard input", "STREAM");
    private readonly Option<string> _scores = Choices.Text("--scores", "lines that score wrote (also .gz): scores, and novelty where score --novelty wrote it; - is standard input", "STREAM");
    private readonly Option<string> _model = Choices.Text("--model", "for --input: the model folder, or a hub id in the local Hugging Face cache", "FOLDER|ID");
    private readonly Option<string> _heldOut = Choices.Text("--held-out",
        "what the stream is compared with, and on which the false-alarm rate is measured: preference pairs for --input, scored lines for --scores (default: the stream's first window)", "FILE");
    private readonly Option<int?> _window = Choices.Whole("--window", $"answers that are compared at a time (default: {DriftWindows.DefaultWindow})", least: 16);

    private long _bad;

    public MonitorCommand(Session session) : base("monitor",
        "Watch a stream of scored answers for drift: of the score, of each direction and of novelty, with the rate of false alarms measured on held-out data", session,
        new Example("sparserm monitor reward.safetensors --model google/gemma-2-2b-it --input answers.jsonl --held-out test.jsonl", "every direction, beside held-out pairs"),
        new Example("sparserm monitor reward.safetensors --scores scored.jsonl --held-out scored-test.jsonl --json", "scores that are there already, for a program"))
    {
        Arguments.Add(_reward);
        this.AddAll(_input, _scores, _model, _heldOut, _window, FitSettings.Seed, CommonOptions.Json, FitSettings.Layer, CommonOptions.ChatTemplate, CommonOptions.Truncate, CommonOptions.AddEos,
            CommonOptions.DType);
        this.AddAll(CommonOptions.Reading);
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        string path = args.GetRequiredValue(_reward);
        string? input = args.GetValue(_input), scores = args.GetValue(_scores);
        if ((input is null) == (scores is null)) throw new UsageException("name the stream with --input, answers to score, or with --scores, lines that are scored already");
        if ((input is null) != (args.GetValue(_model) is null)) throw new UsageException("--model and --input go together: the model scores the answers");
        if ((input ?? scores) == "-" && args.GetValue(_heldOut) == "-") throw new UsageException("the stream and --held-out are both standard input; name a file for one of them");
        // A read that waits for a pipe sees no token, so a signal ends the process at once.
        if (input is null) Session.Reading(() => WatchScores(args, RewardModelFile.Load(path), scores!, args.GetValue(_heldOut)));
        else Meter.Run(Session, meter => WatchInput(args, path, input, meter), isQuiet: true);
    }

    private int WatchScores(ParseResult args, RewardModel reward, string scores, string? heldOut)
    {
        Observation[]? held = heldOut is null ? null : [.. ScoredStream.Read(heldOut).SelectMany(line => line)];
        Watch(args, ["score"], ScoredStream.Read(scores), held, reward);
        return 0;
    }

    private int WatchInput(ParseResult args, string path, string input, Meter meter)
    {
        using var lines = new InputStart(input);
        var held = args.GetValue(_heldOut) is { } named ? DataSettings.Read(args, named, Session, limit: null) : null;
        using var scorer = Scorers.Open(args, path, args.Backbone(defaultType: null, args.GetRequiredValue(_model)),
            model => { if (model.NeedsSae) throw new UsageException($"{path} reads activations that its SAE must compute, so its directions cannot be watched; score the answers, and give the scored lines with --scores"); }, meter, Session);
        Session.SayBackend(args, scorer.Backbone.Description);
        var reference = held is null ? null : Held(args, scorer, held);
        Watch(args, ["score", .. DriftWindows.DirectionsOf(scorer.Reward)], Observed(args, scorer, lines), reference, scorer.Reward);
        return 0;
    }

    private Observation[] Held(ParseResult args, RewardScorer scorer, PreferenceSet data)
    {
        data = DataSettings.LeaveOutBad(args, data, scorer.Backbone, scorer.Position, Session);
        var encoder = scorer.Backbone.Encoder;
        return DataSettings.Advised(args, () => data.Items.SelectMany(item => item.Chosen.Concat(item.Rejected), (item, answer) =>
        {
            try
            {
                return encoder.Encode([.. item.Prompt, .. answer], item.Arguments);
            }
            catch (SparseRMException error)
            {
                throw new DataFormatException(data.Path, item.Line, error.Message);
            }
        }).Chunk(DriftWindows.DefaultWindow).SelectMany(chunk => Observation.Of(scorer, chunk, Session.Cancel)).ToArray());
    }

    private IEnumerable<IReadOnlyList<Observation>> Observed(ParseResult args, RewardScorer scorer, InputStart input)
    {
        using var reader = new LineReader(input.Lines, line => ScoreLine.Of(line, scorer.Backbone.Encoder, args.GetValue(CommonOptions.AddEos), Wording.OfCommandLine));
        var window = new List<ScoreLine>();
        while (reader.Take(window, WindowTokens, !input.IsPipe, Session.Cancel))
        {
            var answers = new List<EncodedInput>();
            foreach (var line in window)
            {
                string? problem = line.FirstProblem;
                foreach (var answer in line.Answers.OfType<EncodedInput>())
                {
                    if (scorer.Position == ReadOutPosition.Last || answer.HasAnswer) answers.Add(answer);
                    else problem ??= $"the answer has no tokens to read, or it is not known which they are, and position {scorer.Position.ToString().ToLowerInvariant()} needs them";
                }
                if (problem is null) continue;
                if (!args.GetValue(CommonOptions.SkipBad))
                    throw new DataFormatException(input.Path, line.Input.Line, problem).WithAdvice("fix the line, or go on behind bad lines with --skip-bad");
                _bad++;
            }
            yield return Observation.Of(scorer, answers, Session.Cancel);
        }
    }

    private void Watch(ParseResult args, string[] names, IEnumerable<IReadOnlyList<Observation>> stream, Observation[]? held, RewardModel reward)
    {
        int window = args.GetValue(_window) ?? DriftWindows.DefaultWindow;
        bool isJson = args.GetValue(CommonOptions.Json);
        var rate = held is null ? null : FalseAlarmRate.Measure(held, names, window, args.GetValue(FitSettings.Seed) ?? 1,
            args.GetValue(CommonOptions.Threads) is { } threads and > 0 ? threads : Environment.ProcessorCount, Session.Cancel);
        var monitor = new DriftMonitor(names, window, held);
        var alarms = new List<MonitoredWindow>();
        int count = 0;
        foreach (var answers in stream)
        {
            Session.Cancel.ThrowIfCancellationRequested();
            foreach (var answer in answers)
            {
                if (monitor.Add(answer) is not { } found) continue;
                if (!isJson) Say(found);
                if (!found.IsAlarm) continue;
                count++;
                if (alarms.Count < MostAlarms) alarms.Add(found);
            }
        }
        if (monitor.Windows == 0)
            throw new SparseRMException(ErrorKind.Data, $"the stream has {monitor.Seen} answers, and nothing can be compared below {(held is null ? 2 * window : window)}{(held is null ? ", the first window of which is what the other is compared with" : "")}; give more, or a smaller --window");
        if (_bad > 0) Session.Warn($"bad lines left out: {_bad}");
        if (isJson) Session.WriteJson(json => WriteJson(json, monitor, window, names, rate, alarms, count, reward));
        else Conclude(monitor, rate, count);
    }

    private void Say(MonitoredWindow found)
    {
        var report = found.Report;
        string moved = report.Shifts.Count == 0 ? "" : FormattableString.Invariant($"; {report.Shifts[0].Name} {report.Shifts[0].Shift:+0.0;-0.0} s.e.");
        string unusual = report.Inputs == 0 ? "" : FormattableString.Invariant($"; unusual {report.Unusual} of {report.Inputs}");
        string alarm = found.IsAlarm ? $"  ALARM: {string.Join(" and ", new[] { report.IsUnusual ? "novelty" : null, report.IsShifted ? "drift" : null }.OfType<string>())}" : "";
        Session.Out.WriteLine(FormattableString.Invariant($"answers {found.First} to {found.Last}: mean score {found.MeanScore:F3}{moved}{unusual}{alarm}"));
        Session.Out.Flush();
    }

    private void Conclude(DriftMonitor monitor, FalseAlarmRate? rate, int alarms)
    {
        Session.Out.WriteLine($"{alarms} of {monitor.Windows} windows alarm.");
        string measured = rate is null
            ? FormattableString.Invariant($"Chance alone would alarm in at most {100 * 2 * DriftWindows.FalseAlarms:0.0} % of windows of independent answers; --held-out measures it.")
            : FormattableString.Invariant($"On held-out answers, among which nothing changed, {Tables.Percent(rate.Share.Accuracy)} of {rate.Windows} random windows alarm (95 % interval {Tables.Percent(rate.Share.Low)} to {Tables.Percent(rate.Share.High)}).");
        Session.Out.WriteLine(measured);
    }

    private void WriteJson(
        Utf8JsonWriter json, DriftMonitor monitor, int window, string[] names, FalseAlarmRate? rate, List<MonitoredWindow> alarms, int count, RewardModel reward)
    {
        new Report().Add("model", reward.Metadata.Identity.ModelName).Add("answers", monitor.Seen).Add("bad", _bad).Add("window", window).Add("series", names.Length).Add("windows", monitor.Windows).Add("alarms", count).WriteTo(json);
        json.WriteStartObject("false_alarms");
        new Report().Add("bound", 2 * DriftWindows.FalseAlarms).Add("measured", rate?.Share.Accuracy).Add("low", rate?.Share.Low).Add("high", rate?.Share.High).Add("windows", rate?.Windows).WriteTo(json);
        json.WriteEndObject();
        json.WriteStartArray("alarmed");
        foreach (var found in alarms)
        {
            json.WriteStartObject();
            new Report().Add("first", found.First).Add("last", found.Last).Add("mean_score", found.MeanScore).Add("unusual", found.Report.Unusual).Add("known", found.Report.Inputs)
                .Add("is_unusual", found.Report.IsUnusual).Add("is_shifted", found.Report.IsShifted).WriteTo(json);
            json.WriteStartArray("shifts");
            foreach (var (name, shift) in found.Report.Shifts)
            {
                json.WriteStartObject();
                new Report().Add("name", name).Add("standard_errors", shift).WriteTo(json);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
