using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.CApi;

internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_srm_fit", CallConvs = [typeof(CallConvCdecl)])]
    public static int Fit(NativeFitOptions* options, NativeFitResult* result)
    {
        try
        {
            Reading.RequireSize<NativeFitOptions>(options, "srm_fit_options");
            if (result is not null) Reading.RequireSize<NativeFitResult>(result, "srm_fit_result");
            var given = *options;
            var (reading, fitting) = (TrainerOptionsOf(given), FitOptionsOf(given));
            string output = Reading.Text(given.Output, "the option output");
            using var call = new CallScope(given.Cancel, given.Progress, given.User);
            var data = Pairs(Reading.Text(given.Data, "the option data"), given.SkipBad != 0);
            using var trainer = RewardTrainer.Open(reading, call.Progress, call.Token);
            HeapBudget.Require(4L * sizeof(float) * data.Items.Count * trainer.Backbone.DModel, "the states of the pairs");
            foreach (string note in trainer.Notes) Library.Log(1, note);
            var fit = trainer.Fit(trainer.ReadStates(data, fitting.UsesSae, call.Progress, call.Token), fitting, null, call.Progress, call.Token);
            foreach (string warning in trainer.Warnings.Concat(fit.Warnings)) Library.Log(1, warning);
            RewardModelFile.Save(output, fit.Reward);
            if (result is not null) *result = ResultOf(fit, data);
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    private static PreferenceSet Pairs(string path, bool skipBad)
    {
        HeapBudget.RequirePairs(path);
        ParquetLibrary.RequireFor(path);
        return PreferenceFile.Read(path, new PreferenceReadOptions { SkipBad = skipBad });
    }

    private static TrainerOptions TrainerOptionsOf(in NativeFitOptions given) => new()
    {
        Backbone = Options(given.Backbone),
        Sae = Reading.OptionalText(given.Sae, "the option sae"),
        Layer = given.Layer < 0 ? null : given.Layer,
        Position = Reading.OptionalText(given.Position, "the option position") switch
        {
            null or "last" => Models.ReadOutPosition.Last,
            "content" => Models.ReadOutPosition.Content,
            "mean" => Models.ReadOutPosition.Mean,
            var other => throw new CallException(Status.Usage, $"the option position is \"{other}\"; give last, content or mean"),
        },
        CacheFolder = Reading.OptionalText(given.Cache, "the option cache"),
    };

    private static FitOptions FitOptionsOf(in NativeFitOptions given)
    {
        var defaults = new HeadTrainingOptions();
        var options = new FitOptions();
        return options with
        {
            Input = Reading.OptionalText(given.Input, "the option input") is { } input ? HeadInput.Parse(input) : options.Input,
            Heads = given.Heads == 0 ? options.Heads : given.Heads,
            Aggregate = Reading.OptionalText(given.Aggregate, "the option aggregate") is { } aggregate ? ScoreAggregate.Parse(aggregate) : options.Aggregate,
            K = given.K == 0 ? options.K : given.K,
            Pairs = Count(given.Pairs, "pairs") is > 0 and var pairs ? pairs : null,
            Training = defaults with
            {
                Loss = Reading.OptionalText(given.Loss, "the option loss") is { } loss ? PreferenceLoss.Parse(loss) : defaults.Loss,
                Margin = given.Margin == 0 ? defaults.Margin : given.Margin,
                HiddenUnits = given.HiddenUnits == 0 ? defaults.HiddenUnits : given.HiddenUnits,
                MaxEpochs = given.MaxEpochs == 0 ? defaults.MaxEpochs : given.MaxEpochs,
                HeldOutFraction = given.HeldOutFraction < 0 ? defaults.HeldOutFraction : given.HeldOutFraction,
                Seed = given.Seed == 0 ? defaults.Seed : given.Seed,
                Seeds = given.Seeds == 0 ? defaults.Seeds : given.Seeds,
                Threads = given.Backbone->Threads,
            },
        };
    }

    private static NativeFitResult ResultOf(FitResult fit, PreferenceSet data) => new()
    {
        StructSize = sizeof(NativeFitResult), Pairs = fit.Reward.Metadata.Pairs, HeldOutPairs = fit.Head.HeldOutPairs, SkippedRows = data.Skipped.Count,
        TrainingAccuracy = fit.Head.TrainingAccuracy, HeldOutAccuracy = fit.Head.HeldOutAccuracy ?? double.NaN,
    };
}
