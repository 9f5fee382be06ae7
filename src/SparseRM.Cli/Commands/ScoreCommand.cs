using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using SparseRM.Cli.Lines;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Lines;
using SparseRM.Parts;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm score</c>: the same lines, with their scores, as they come.</summary>
internal sealed class ScoreCommand : CliCommand
{
    private readonly Option<string> _reward = Choices.Text("--reward", "a reward file that fit or combine wrote", "FILE", required: true);
    private readonly Option<string> _input = Choices.Text("--input",
        "jsonl with prompt and response or responses (also completion or completions), messages, text (already rendered) or ids; - is standard input", "FILE", required: true);
    private readonly Option<string> _output = Choices.Text("--output",
        "the same lines with score or scores; - or nothing is standard output. Until it is complete it is FILE.*.partial, from which the same command goes on", "FILE");
    private readonly Option<bool> _skipBad = new("--skip-bad") { Description = "give a bad line \"score\": null and its error, and go on" };
    private readonly Option<RowRange?> _rows = PartRows.Rows;
    private readonly Option<RowFormat?> _partFormat = PartRows.Format;
    private readonly Option<bool> _json = new("--json")
    {
        Description = "print a JSON object with what was done: on standard output where --output names a file, else on standard error",
    };

    public ScoreCommand(Session session) : base("score", "Score answers with a reward file", session,
        new Example("sparserm score --model google/gemma-2-2b-it --reward reward.safetensors --input answers.jsonl --output scored.jsonl", "a file of answers"),
        new Example(
            """echo '{"prompt": "What is 2 + 2?", "responses": ["4", "5"]}' | """
                + "sparserm score --model google/gemma-2-2b-it --reward reward.safetensors --input -",
            "several answers to one prompt; a line that comes through a pipe is answered at once"),
        new Example("sparserm score --model google/gemma-2-2b-it --reward reward.safetensors --input answers.jsonl --explain --per-token sentence",
            "and why, and a score after each sentence"),
        new Example("sparserm score --model google/gemma-2-2b-it --reward calibrated.safetensors --input answers.jsonl --probability",
            "how likely each answer is the preferred one, by a reward that fit --calibrate wrote"),
        new Example("sparserm score --model google/gemma-2-2b-it --reward ensemble.safetensors --input answers.jsonl --doubt --novelty --aggregate mean-minus:1",
            "a cautious score of several heads, and how sure it is"),
        new Example("sparserm score --model google/gemma-2-2b-it --reward reward.safetensors --input answers.jsonl --rows 20000:30000 --output scores",
            "a part of a file and its manifest, as a job of any scheduler makes them"))
    {
        this.AddAll(CommonOptions.Model, _reward, _input, _output, _skipBad, _rows, _partFormat, _json);
        this.AddAll(ScoreSettings.All);
        this.AddAll(FitSettings.Sae, FitSettings.Layer, CommonOptions.ChatTemplate, CommonOptions.Truncate, CommonOptions.AddEos, CommonOptions.DType);
        this.AddAll(CommonOptions.LlamaScope);
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        string path = args.GetRequiredValue(_input), reward = args.GetRequiredValue(_reward);
        string? output = args.GetValue(_output);
        var asked = ScoreSettings.Read(args);
        if (args.GetValue(_rows) is { } rows)
        {
            ScorePart(args, rows, path, reward, output ?? throw new UsageException("--rows writes a part into a folder; name it with --output"), asked);
            return;
        }
        if (args.Has(_partFormat)) throw new UsageException($"{_partFormat.Name} says how a part is laid out; add --rows, or leave it out");
        OutputFile.Probe(output, OutputKind.Scores, ("--input", path), ("--reward", reward), ("--sae", args.GetValue(FitSettings.Sae)));
        var options = args.Backbone(defaultType: null);
        // A bar would be drawn between the lines.
        bool isShown = output is null or "-" && !Console.IsOutputRedirected;
        Meter.Run(Session, meter =>
        {
            using var lines = new InputStart(path);
            using var scorer = Scorers.Open(args, reward, options, model => ScoreSettings.Check(args, asked, model, reward), meter, Session);
            Session.SayBackend(args, scorer.Backbone.Description);
            using var sink = ResultSink.Open(Session, output, () => Key(args, scorer, asked, reward));
            Score(args, scorer, asked, lines, sink, meter);
            return 0;
        }, isQuiet: isShown);
    }

    private void ScorePart(ParseResult args, RowRange rows, string path, string reward, string output, ScoreOptions asked)
    {
        if (output == "-") throw new UsageException("--rows writes a part into a folder, not to standard output; name a folder with --output");
        if (args.GetValue(ScoreSettings.Probability)) throw new UsageException("--rows writes scores alone: leave out --probability");
        bool addEos = args.GetValue(CommonOptions.AddEos);
        var options = args.Backbone(defaultType: null);
        var input = RowFile.Open(path, Directory.Exists(output) ? output : null);
        Session.AfterInterrupt = "no part was written";
        var (part, wasThere) = Meter.Run(Session, meter =>
        {
            using var scorer = Scorers.Open(args, reward, options, model => ScoreSettings.Check(args, asked, model, reward), meter, Session);
            Session.SayBackend(args, scorer.Backbone.Description);
            var fingerprint = ScoringFingerprint.Of(scorer, reward, asked, addEos, Session.Cancel);
            var folder = PartFolder.Open(output, input, args.GetValue(_partFormat) ?? input.Format, fingerprint);
            return new PartScorer(scorer, asked, addEos, Wording.OfCommandLine).ScoreInto(input, rows, folder, meter.Bytes("scoring rows", rows.Count), Session.Cancel);
        });
        if (part.Rows != rows && rows.End != long.MaxValue) Session.Note($"{path} ends at row {part.Rows.End}: the part has rows {part.Rows}");
        if (part.BadCount > 0) Session.Warn($"bad rows of {path} without a score: {part.BadCount}; the first: row {part.Bad[0].Start}");
        if (args.GetValue(_json))
        {
            Session.WriteJson(new Report().Add("output", Path.Combine(output, part.Output)).Add("rows_start", part.Rows.Start).Add("rows_end", part.Rows.End)
                .Add("scores", part.Scores).Add("bad", part.BadCount).Add("truncated", part.Truncated).Add("was_there", wasThere)
                .Add("input_sha256", part.InputSha256).Add("output_sha256", part.OutputSha256).WriteTo);
        }
        if (part.Scores == 0) BadRows.RequireOneGood(path, part.BadCount, part.Rows.Count, Path.Combine(output, part.Output));
    }

    private void Score(ParseResult args, RewardScorer scorer, ScoreOptions asked, InputStart input, ResultSink sink, Meter meter)
    {
        bool skipBad = args.GetValue(_skipBad), addEos = args.GetValue(CommonOptions.AddEos), hasTexts = false;
        var kept = sink.Kept;
        if (kept is not null) Session.Reading(() => input.GoBehind(kept, skipBad));
        var run = new ScoreRun(scorer, asked, args.GetValue(ScoreSettings.Probability) ? scorer.Reward.Calibration : null, input.Path, skipBad, Wording.OfCommandLine);
        using (var reader = new LineReader(input.Lines, line =>
        {
            hasTexts |= line is TextInput;
            return ScoreLine.Of(line, scorer.Backbone.Encoder, addEos, Wording.OfCommandLine);
        }))
        {
            var progress = meter.Bytes("scoring", input.Length);
            try
            {
                run.Run(reader, sink, input.IsPipe, () => progress.Report(run.Bytes), Session.Cancel);
            }
            catch (OperationCanceledException) when (run.Lines + (kept?.Lines ?? 0) > 0)
            {
                Session.AfterInterrupt = kept is null ? "what was scored is written" : $"what was scored is kept in {kept.Path}, and the same command resumes";
                throw;
            }
            catch (DataFormatException error) when (error.Line > 0)
            {
                string rest = kept is not null && kept.Lines + run.Lines > 0 ? $"; what was scored before is kept in {kept.Path}, and the same command resumes" : "";
                throw error.WithAdvice((skipBad ? "fix the line" : "fix the line, or go on behind bad lines with --skip-bad") + rest);
            }
        }
        sink.Finish();
        Tell(args, run, scorer, input.Path, kept, hasTexts && !addEos);
    }

    private void Tell(ParseResult args, ScoreRun run, RewardScorer scorer, string path, KeptResults? kept, bool hasTexts)
    {
        long bad = run.Bad + (kept?.Bad ?? 0), resumed = kept?.Lines ?? 0;
        Session.TellOfText(scorer.Backbone, hasTexts);
        if (run.Cut > 0) Session.Warn($"answers of {path} that were cut to the model's context of {scorer.Backbone.Config.NCtx} tokens: {run.Cut}");
        if (resumed > 0) Session.Note($"lines that an earlier run had scored: {resumed}");
        if (bad > 0) Session.Warn($"bad lines of {path} without a score: {bad}{(run.FirstBad is null ? "" : $"; the first: {run.FirstBad}")}");
        if (args.GetValue(_json)) TellInJson(args, run, scorer, kept, bad, resumed);
        if (run.Scores == 0) BadRows.RequireOneGood(path, bad, resumed + run.Lines, args.GetValue(_output) is { } output and not "-" ? output : "the output");
    }

    private void TellInJson(ParseResult args, ScoreRun run, RewardScorer scorer, KeptResults? kept, long bad, long resumed)
    {
        var report = new Report().Add("lines", resumed + run.Lines).Add("scores", run.Scores).Add("bad", bad).Add("first_bad", run.FirstBad)
            .Add("truncated", run.Cut).Add("resumed_lines", resumed).Add("output", kept is null ? null : args.GetValue(_output)).Add("backend", scorer.Backbone.Description);
        if (kept is not null) Session.WriteJson(report.WriteTo);
        else Session.WriteMessage(report.WriteTo);
    }

    /// <summary>All that decides a line's result but the line.</summary>
    private static string Key(ParseResult args, RewardScorer scorer, ScoreOptions asked, string reward)
    {
        var backbone = scorer.Backbone;
        using var file = File.OpenRead(reward);
        string all = string.Join('\n',
        [
            Convert.ToHexString(SHA256.HashData(file)), $"{backbone.Identity(scorer.Layer, scorer.Position)}", $"{asked}", $"{args.GetValue(ScoreSettings.Probability)}", $"{backbone.Options.Truncation}",
            $"{args.GetValue(CommonOptions.AddEos)}", RewardTrainer.EngineVersion, backbone.BackendName, $"{backbone.Compute}",
            .. backbone.Variants.OrderBy(variant => variant.Key).Select(variant => $"{variant.Key}={variant.Value}"),
        ]);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all)));
    }
}
