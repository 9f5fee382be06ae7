using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Fitting;
using SparseRM.Research.Choosing;
using SparseRM.Scoring;
using Spectre.Console;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm fit</c>: from preference pairs to a reward file.</summary>
internal sealed class FitCommand : CliCommand
{
    private readonly Option<string> _data =
        Choices.Text("--data", "preference pairs: jsonl, json, csv (also .gz) or parquet; - is standard input", "FILE", required: true);
    private readonly Option<string> _output = Choices.Text("--output", "the reward file to write; - is standard output", "FILE", required: true);

    private readonly Option<bool> _calibrate = new("--calibrate")
    {
        Description = $"learn from {RewardCalibration.Folds} cross-fitted parts what probability a margin is, and keep that in the reward file (for score --probability)",
    };

    public FitCommand(Session session) : base("fit", "Learn a reward from preference pairs and write it as one safetensors file", session,
        new Example(
            "sparserm fit --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 "
                + "--data pairs.jsonl --output reward.safetensors",
            "the method itself"),
        new Example(
            "sparserm fit --model meta-llama/Llama-3.1-8B-Instruct --sae Llama3_1-8B-Base-L15R-8x --k 64 --loss bradley-terry "
                + "--data train.parquet --output reward.safetensors",
            "another K and loss"),
        new Example("sparserm fit --model stories260k --input dense --layer 3 --chat-template none --data TruthfulQA.csv --output reward.safetensors",
            "an ablation, without an SAE"),
        new Example(
            "sparserm fit --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --heads 5 --aggregate mean-minus:1 "
                + "--data pairs.jsonl --output ensemble.safetensors",
            "five heads, scored with caution"),
        new Example("sparserm fit --model google/gemma-2-2b-it --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --k auto --calibrate --data pairs.jsonl --output reward.safetensors",
            "K chosen by nested cross-validation, and probabilities of margins"),
        new Example("sparserm fit --model google/gemma-2-2b-it --input dense --layer auto:8,12,16 --position auto --data pairs.jsonl --output reward.safetensors",
            "layer and position chosen, all layers from one pass"))
    {
        this.AddAll(CommonOptions.Model, AutoSettings.Saes, _data, _output, AutoSettings.K, AutoSettings.Layer, AutoSettings.Position, _calibrate);
        this.AddAll(FitSettings.All.Except([FitSettings.Sae, FitSettings.K, FitSettings.Layer, CommonOptions.Position]));
        Options.Add(CommonOptions.Json);
    }

    protected override void Run(ParseResult args)
    {
        var (reading, options) = AutoSettings.Read(args, FitSettings.ReadTrainer(args), FitSettings.Read(args));
        AutoSettings.Check(args, options);
        // A layer that is still to be chosen is said all the same.
        FitSettings.Check(args, args.GetValue(AutoSettings.Layer) is { IsAuto: true } ? reading with { Layer = 0 } : reading, options);
        string output = args.GetRequiredValue(_output);
        if (output == "-" && args.GetValue(CommonOptions.Json)) throw new UsageException("--json and --output - both want standard output; leave one of them out");
        OutputFile.Probe(output, OutputKind.Reward, [("--data", args.GetValue(_data)), .. (args.Given(AutoSettings.Saes) ?? []).Select(sae => ("--sae", (string?)sae))]);
        if (reading.CacheFolder is { } cache)
            Session.AfterInterrupt = $"nothing was written; states computed so far are kept in {cache}, and the same command resumes";
        var data = DataSettings.Read(args, args.GetRequiredValue(_data), Session, args.GetValue(FitSettings.Pairs));
        string[] notes = [], warnings = [];
        var (result, chosen, backend) = Meter.Run(Session, meter =>
        {
            // Held until the fit ends: it reads the states that were chosen among.
            using var chooser = AutoSettings.IsAsked(args) ? SettingChooser.Open(reading, Session) : null;
            var chosen = chooser?.Choose(args, ref data, reading, options, meter);
            if (chosen is not null) (reading, options) = SettingChooser.Take(chosen, reading, options);
            using var trainer = RewardTrainer.Open(reading, meter, Session.Cancel);
            Session.SayBackend(args, trainer.Backbone.Description);
            if (chosen is null) data = DataSettings.LeaveOutBad(args, data, trainer.Backbone, reading.Position, Session);
            long before = trainer.Backbone.Encoder.CutInputs;
            var states = chosen?.States ?? DataSettings.Advised(args, () => trainer.ReadStates(data, options.UsesSae, meter, Session.Cancel));
            Session.TellOfData(trainer.Backbone, data, trainer.Backbone.Encoder.CutInputs - before);
            var fitted = trainer.Fit(states, options, null, meter, Session.Cancel);
            if (args.GetValue(_calibrate)) fitted = fitted with { Reward = fitted.Reward.With(RewardCalibration.Of(trainer, states, options, fitted.Reward, meter, Session.Cancel)) };
            if (chosen is not null) fitted = fitted with { Reward = fitted.Reward.With(chosen.Choice) };
            (notes, warnings) = ([.. trainer.Notes], [.. trainer.Warnings, .. fitted.Warnings]);
            return (fitted, chosen, trainer.Backbone.Description);
        });
        Session.Cancel.ThrowIfCancellationRequested();
        Session.WriteFile(output, path => RewardModelFile.Save(path, result.Reward));
        foreach (string note in notes) Session.Note(note);
        foreach (string warning in warnings) Session.Warn(warning);
        if (args.GetValue(CommonOptions.Json)) WriteJson(output, Facts(data, result, backend), result, chosen, warnings);
        else WriteTables(output == "-" ? Session.Bars : Session.Tables, output, Facts(data, result, backend), result, chosen);
    }

    private void WriteJson(string output, Report facts, FitResult result, ChosenSetting? chosen, string[] warnings) => Session.WriteJson(json =>
    {
        json.WriteString("output", output);
        facts.WriteTo(json);
        json.WriteStartArray("head_accuracies");
        foreach (var head in result.Heads)
        {
            json.WriteStartObject();
            OfHead(head).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (chosen is not null) SettingChooser.WriteTo(json, chosen);
        LatentTables.WriteJson(json, result.Reward.Input.Latents);
        new Report().Add("warnings", warnings).WriteTo(json);
    });

    // Where the reward file itself goes to standard output, what is said of it goes to standard error.
    private void WriteTables(IAnsiConsole console, string output, Report facts, FitResult result, ChosenSetting? chosen)
    {
        console.Write(facts.ToTable("Fit"));
        if (chosen is not null) console.Write(SettingChooser.TableOf(chosen));
        if (result.Heads.Count > 1) console.Write(HeadTable(result));
        if (result.Reward.Input.Latents.Count > 0) console.Write(LatentTables.Of(result.Reward.Input.Latents));
        if (chosen is not null) Session.Say(SettingChooser.Sentence(chosen));
        else if (result.Head.HeldOutPairs > 0) Session.Say("The held-out pairs chose the epoch, so their accuracy flatters a little; evaluate on other pairs, or with --folds.");
        if (output != "-") Session.Say($"wrote {output}");
    }

    private static Report OfHead(TrainedHead head) => new Report().Add("training_accuracy", head.TrainingAccuracy).Add("held_out_accuracy", head.HeldOutAccuracy)
        .Add("training_loss", head.TrainingLoss).Add("held_out_loss", head.HeldOutLoss).Add("best_epoch", head.BestEpoch);

    private static Table HeadTable(FitResult result)
    {
        var table = Tables.Of(">Head", ">Training accuracy", ">Held-out accuracy", ">Best epoch");
        for (int i = 0; i < result.Heads.Count; i++)
        {
            var head = result.Heads[i];
            table.Row($"{i + 1}", Tables.Percent(head.TrainingAccuracy), Tables.Percent(head.HeldOutAccuracy ?? double.NaN), $"{head.BestEpoch}");
        }
        table.Row("together", "", Tables.Percent(result.Reward.Metadata.HeldOutAccuracy ?? double.NaN), "");
        return table;
    }

    private static Report Facts(PreferenceSet data, FitResult result, string backend)
    {
        var (metadata, identity, head) = (result.Reward.Metadata, result.Reward.Metadata.Identity, result.Head);
        var calibration = result.Reward.Calibration;
        return new Report().Add("model", identity.ModelName).Add("layer", identity.Layer).Add("position", identity.Position.ToString().ToLowerInvariant())
            .Add("chat_template", identity.TemplateName).Add("dtype", metadata.DType).Add("backend", backend)
            .Add("sae_id", metadata.SaeId).Add("gating_mode", metadata.GatingMode)
            .Add("input", HeadInput.Name(result.Reward.Input.Kind)).Add("k", metadata.K).Add("inputs", result.Reward.Input.Count).Add("loss", metadata.Loss)
            .Add("heads", result.Heads.Count).Add("aggregate", result.Heads.Count > 1 ? result.Reward.Aggregate.ToString() : null)
            .Add("bootstrap", result.Heads.Count > 1 ? metadata.Bootstrap : null).Add("seed", metadata.Seed).Add("data", data.Path).Add("format", data.Format).Add("skipped_rows", data.Skipped.Count).Add("pairs", metadata.Pairs)
            .Add("training_pairs", head.TrainingPairs).Add("held_out_pairs", head.HeldOutPairs)
            .Add("training_loss", head.TrainingLoss).Add("training_accuracy", head.TrainingAccuracy)
            .Add("held_out_loss", head.HeldOutLoss).Add("held_out_accuracy", metadata.HeldOutAccuracy).Add("best_epoch", head.BestEpoch)
            .Add("temperature", calibration?.Temperature).Add("intercept", calibration?.Intercept)
            .Add("calibration_error_before", calibration?.ErrorBefore).Add("calibration_error_after", calibration?.ErrorAfter)
            .Add("nested_accuracy", metadata.Choice?.Accuracy.Accuracy).Add("nested_accuracy_low", metadata.Choice?.Accuracy.Low).Add("nested_accuracy_high", metadata.Choice?.Accuracy.High);
    }
}
