using System.CommandLine;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Data.Evaluation;
using SparseRM.Errors;
using SparseRM.Research.Baselines;
using SparseRM.Research.Reports;
using SparseRM.Scoring;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm evaluate</c>: how often the preferred answer scores higher.</summary>
internal sealed class EvaluateCommand : CliCommand
{
    private readonly Option<string> _data =
        Choices.Text("--data", "preference pairs: jsonl, json, csv (also .gz) or parquet; - is standard input", "FILE", required: true);
    private readonly Option<string> _reward =
        Choices.Text("--reward", "a reward file that fit wrote; with --folds its settings are the defaults of each fold", "FILE");
    private readonly Option<int?> _folds = Choices.Whole("--folds", "fit on all parts of the data but one and score that one, in turn, N times", least: 2);
    private readonly Option<string> _scores =
        Choices.Text("--scores", "another reward model's scores of the same answers, put into the table: one a line in their order, or an item a line by id", "FILE");
    private readonly Option<string> _group = Choices.Of("--group", "what stays together in one fold (default: prompt)", ("prompt", "prompt"), ("item", "item"));

    public EvaluateCommand(Session session) : base("evaluate",
        "Count how often the preferred answer scores higher (a tie is wrong), with 95 % intervals and by subset", session,
        new Example("sparserm evaluate --model google/gemma-2-2b-it --reward reward.safetensors --data rewardbench.parquet", "a benchmark, by its own rule"),
        new Example("sparserm evaluate --model google/gemma-2-2b-it --reward reward.safetensors --data test.jsonl --json", "for a program"),
        new Example("sparserm evaluate --model google/gemma-2-2b-it --reward reward.safetensors --data test.jsonl --scores outside.jsonl", "beside another reward model"),
        new Example("sparserm evaluate --model stories260k --input dense --layer 3 --chat-template none --data TruthfulQA.csv --folds 5 --group prompt",
            "cross-validation, no reward file needed"))
    {
        this.AddAll(CommonOptions.Model, _reward, _data, CommonOptions.Json, _folds, _group, _scores);
        this.AddAll(FitSettings.All);
    }

    protected override void Run(ParseResult args)
    {
        var (reading, options) = (FitSettings.ReadTrainer(args), FitSettings.Read(args));
        string? reward = args.GetValue(_reward);
        int? folds = args.GetValue(_folds);
        if (folds is null) RefuseFitSettings(args, reward);
        else if (reward is null) FitSettings.Check(args, reading, options);
        if (args.GetValue(_scores) is not null && args.GetValue(CommonOptions.SkipBad))
            throw new UsageException("--scores and --skip-bad exclude each other: a row that is left out would shift the scores");
        var data = DataSettings.Read(args, args.GetRequiredValue(_data), Session, args.GetValue(FitSettings.Pairs));
        if (folds is not null && reward is not null) (reading, options) = FitSettings.Of(args, reading, options, RewardModelFile.Load(reward));
        var outside = args.GetValue(_scores) is { } scores ? PreferenceEvaluation.Evaluate(data, Session.Reading(() => OutsideScores.Read(scores, data))) : null;
        var found = Meter.Run(Session, meter => folds is { } count
            ? RunFolds(args, reading, options, data, count, meter)
            : RunReward(args, reading.Backbone, reward!, data, meter));
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => WriteJson(json, found, outside));
        else WriteTables(found, outside);
    }

    private void RefuseFitSettings(ParseResult args, string? reward)
    {
        if (reward is null) throw new UsageException("--reward is needed, or --folds to fit as it evaluates");
        var own = FitSettings.OfFitsAlone.Append(_group).FirstOrDefault(args.Has);
        if (own is not null) throw new UsageException($"{own.Name} says how to fit, which happens only under --folds; the reward file has its own");
        Option? cache = args.Has(CommonOptions.Cache) ? CommonOptions.Cache : args.Has(CommonOptions.NoCache) ? CommonOptions.NoCache : null;
        if (cache is not null) throw new UsageException($"{cache.Name} has a meaning only under --folds; a reward file is evaluated without a cache of states");
    }

    private Found RunReward(ParseResult args, BackboneOptions options, string reward, PreferenceSet data, Meter meter)
    {
        using var scorer = Scorers.Open(args, reward, options, null, meter, Session);
        var backbone = scorer.Backbone;
        Session.SayBackend(args, backbone.Description);
        long before = backbone.Encoder.CutInputs;
        var measured = args.GetValue(CommonOptions.SkipBad) ? Skipping() : DataSettings.Advised(args, () => RewardMeasurement.Of(scorer, data, meter, Session.Cancel));
        long cut = backbone.Encoder.CutInputs - before;
        Session.TellOfData(backbone, data, cut);
        return new Found(data, measured.Result, [], backbone.Description, cut, scorer.Reward.Calibration is { } calibration ? Calibrated.Of(measured, calibration) : null);

        RewardMeasurement Skipping()
        {
            (data, var scores) = ScorableItems.Score(data, scorer, meter, Session.Cancel);
            DataSettings.TellOfSkipped(data, Session);
            return RewardMeasurement.Of(data, scores);
        }
    }

    private Found RunFolds(ParseResult args, TrainerOptions reading, FitOptions options, PreferenceSet data, int folds, Meter meter)
    {
        using var trainer = RewardTrainer.Open(reading, meter, Session.Cancel);
        string backend = trainer.Backbone.Description;
        Session.SayBackend(args, backend);
        foreach (string note in trainer.Notes) Session.Note(note);
        data = DataSettings.LeaveOutBad(args, data, trainer.Backbone, reading.Position, Session);
        long before = trainer.Backbone.Encoder.CutInputs;
        var states = DataSettings.Advised(args, () => trainer.ReadStates(data, options.UsesSae, meter, Session.Cancel));
        long cut = trainer.Backbone.Encoder.CutInputs - before;
        Session.TellOfData(trainer.Backbone, data, cut);
        foreach (string warning in trainer.Warnings) Session.Warn(warning);
        var found = CrossValidation.Run(trainer, states, options, folds, args.GetValue(_group) != "item", meter, Session.Cancel);
        return new Found(data, found.Result, found.Folds, backend, cut, null);
    }

    private void WriteTables(Found found, EvaluationResult? outside)
    {
        var (data, result, folds, _, _, calibrated) = found;
        var table = Tables.Of("Pairs", ">Accuracy", ">95 % interval", ">Number");
        Row(table, data.Format, result.Pairs);
        foreach (var subset in result.BySubset) Row(table, subset.Subset, subset.Pairs);
        for (int i = 0; i < folds.Count; i++) Row(table, $"fold {i + 1}", folds[i]);
        if (outside is not null) Row(table, "outside scores", outside.Pairs);
        foreach (var subset in outside?.BySubset ?? []) Row(table, $"outside scores, {subset.Subset}", subset.Pairs);
        Session.Tables.Write(table);
        if (calibrated is not null) Session.Out.WriteLine(calibrated.Sentence());
        if (result.Benchmark is not { } benchmark) return;
        var rule = Tables.Of(benchmark.Rule, ">Score", ">Items");
        foreach (var part in benchmark.Parts) rule.Row(part.Name, Tables.Percent(part.Score), Tables.Count(part.Items));
        rule.Row("overall", Tables.Percent(benchmark.Score), Tables.Count(data.Items.Count));
        Session.Tables.Write(rule);
    }

    private static void Row(Spectre.Console.Table table, string name, AccuracyCount count)
    {
        var interval = Interval(count);
        table.Row(name, Tables.Percent(count.Accuracy), $"{Tables.Percent(interval.Low)} to {Tables.Percent(interval.High)}", Tables.Count(count.Total));
    }

    private static void WriteJson(Utf8JsonWriter json, Found found, EvaluationResult? outside)
    {
        var (data, result, folds, backend, cut, calibrated) = found;
        Write(json, result.Pairs);
        new Report().Add("backend", backend).Add("format", data.Format).Add("items", data.Items.Count).Add("skipped_rows", data.Skipped.Count).Add("truncated", cut).WriteTo(json);
        json.WriteStartObject("by");
        foreach (var subset in result.BySubset)
        {
            json.WriteStartObject(subset.Subset);
            Write(json, subset.Pairs);
            json.WriteEndObject();
        }
        json.WriteEndObject();
        if (folds.Count > 0)
        {
            json.WriteStartArray("folds");
            foreach (var fold in folds)
            {
                json.WriteStartObject();
                Write(json, fold);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        if (result.Benchmark is { } benchmark) Write(json, benchmark);
        calibrated?.WriteTo(json);
        if (outside is null) return;
        json.WriteStartObject("outside");
        Write(json, outside.Pairs);
        if (outside.Benchmark is { } theirs) Write(json, theirs);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, AccuracyCount count)
    {
        var interval = Interval(count);
        json.WriteNumber("accuracy", count.Accuracy);
        json.WriteStartArray("interval");
        json.WriteNumberValue(interval.Low);
        json.WriteNumberValue(interval.High);
        json.WriteEndArray();
        json.WriteNumber("pairs", count.Total);
        json.WriteNumber("correct", count.Correct);
    }

    private static void Write(Utf8JsonWriter json, BenchmarkScore benchmark)
    {
        json.WriteStartObject("benchmark");
        json.WriteString("rule", benchmark.Rule);
        json.WriteNumber("score", benchmark.Score);
        json.WriteStartObject("parts");
        foreach (var part in benchmark.Parts) json.WriteNumber(part.Name, part.Score);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private sealed record Found(PreferenceSet Data, EvaluationResult Result, IReadOnlyList<AccuracyCount> Folds, string Backend, long Cut, Calibrated? Calibrated);

    private static AccuracyInterval Interval(AccuracyCount count) => new(checked((int)count.Correct), checked((int)count.Total));
}
