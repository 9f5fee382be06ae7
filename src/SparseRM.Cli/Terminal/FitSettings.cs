using System.CommandLine;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Cli.Terminal;

/// <summary>Options of a fit, shared by <c>fit</c> and by the folds of <c>evaluate</c>.</summary>
internal static class FitSettings
{
    private static readonly HeadTrainingOptions s_defaults = new();

    public static Option<string> Sae { get; } = Choices.Text("--sae", "the SAE's folder, file or hub id", "PATH");

    public static Option<bool> SaeOfOtherModel { get; } = new("--sae-of-other-model") { Description = "use the SAE though its config.json names another model than this one" };

    public static Option<int?> Layer { get; } =
        Choices.Whole("--layer", "block after which the residual stream is read, 0-based", least: 0);

    public static Option<int?> K { get; } = Choices.Whole("--k", "latents on each side (default: 128)");

    public static Option<PreferenceLossKind> Loss { get; } = Choices.Of("--loss", "what the head minimises (default: margin)",
        ("margin", PreferenceLossKind.Margin), ("bradley-terry", PreferenceLossKind.BradleyTerry), ("bce", PreferenceLossKind.Bce));

    public static Option<HeadInputKind> Input { get; } = Choices.Of("--input", "what the head sees of a state (default: projection; the others are ablations)",
        ("projection", HeadInputKind.Projection), ("activations", HeadInputKind.Activations), ("dense", HeadInputKind.Dense), ("random", HeadInputKind.Random));

    public static Option<int?> Pairs { get; } = Choices.Whole("--pairs", "use only the first N pairs of the data");

    public static Option<int?> Seed { get; } = Choices.Whole("--seed", $"seed of everything random (default: {s_defaults.Seed})", least: 0);

    public static Option<int?> Seeds { get; } =
        Choices.Whole("--seeds", "train N heads from different beginnings and keep the best on the held-out pairs (default: 1)");

    public static Option<double?> Margin { get; } = Choices.Number("--margin", $"gamma of the margin loss (default: {s_defaults.Margin})");

    public static Option<int?> HiddenUnits { get; } = Choices.Whole("--hidden-units", $"width of the head's hidden layer (default: {s_defaults.HiddenUnits})");

    public static Option<int?> Epochs { get; } = Choices.Whole("--epochs", $"passes over the training pairs at most (default: {s_defaults.MaxEpochs})");

    public static Option<int?> Patience { get; } = Choices.Whole("--patience", $"passes without improvement before it stops (default: {s_defaults.Patience})");

    public static Option<double?> LearningRate { get; } = Choices.Number("--learning-rate", $"of AdamW (default: {s_defaults.LearningRate})");

    public static Option<double?> WeightDecay { get; } = Choices.Number("--weight-decay", $"of AdamW (default: {s_defaults.WeightDecay})", orZero: true);

    public static Option<int?> BatchPairs { get; } = Choices.Whole("--batch-pairs", $"pairs of a training step (default: {s_defaults.BatchPairs})");

    public static Option<int?> Heads { get; } =
        Choices.Whole("--heads", "train N heads, so that each score has a doubt; the score is their aggregate (default: 1)", most: 1024);

    public static Option<string> Bootstrap { get; } = Choices.Of("--bootstrap",
        "whether each of several heads sees a random sample of the prompts, or all of them (default: on)", ("on", "on"), ("off", "off"));

    public static Option<double?> HeldOut { get; } =
        Choices.Number("--held-out", $"share of the pairs kept out of training (default: {s_defaults.HeldOutFraction})", orZero: true);

    /// <summary>All of them, with the common options that a fit takes.</summary>
    public static IReadOnlyList<Option> All { get; } =
    [
        Sae, SaeOfOtherModel, Layer, K, Loss, Input, Pairs, Seed, CommonOptions.ChatTemplate, CommonOptions.Position, CommonOptions.Truncate,
        CommonOptions.DType, CommonOptions.LlamaScope,
        Seeds, Margin, HiddenUnits, Epochs, Patience, LearningRate, WeightDecay, BatchPairs, HeldOut, Heads, Bootstrap, CommonOptions.Aggregate,
        .. CommonOptions.Reading, CommonOptions.Cache, CommonOptions.NoCache, .. CommonOptions.Running,
    ];

    /// <summary>Those that mean nothing to a reward that is already fitted.</summary>
    public static IReadOnlyList<Option> OfFitsAlone { get; } =
        [K, Loss, Input, Seed, Seeds, Margin, HiddenUnits, Epochs, Patience, LearningRate, WeightDecay, BatchPairs, HeldOut, Heads, Bootstrap, CommonOptions.Aggregate,
            CommonOptions.Position, SaeOfOtherModel];

    /// <summary>Which states the user asked for.</summary>
    public static TrainerOptions ReadTrainer(ParseResult args) => ReadTrainer(args, args.GetRequiredValue(CommonOptions.Model));

    /// <summary>The same for a model that is not named by <see cref="CommonOptions.Model"/>.</summary>
    public static TrainerOptions ReadTrainer(ParseResult args, string model) => new()
    {
        Backbone = args.Backbone(defaultType: null, model),
        Layer = args.GetValue(Layer),
        Position = args.GetValue(CommonOptions.Position),
        Sae = args.GetValue(Sae),
        SaeOfOtherModel = args.GetValue(SaeOfOtherModel),
        LlamaScopeMode = args.GetValue(CommonOptions.LlamaScope),
        CacheFolder = CacheFolder.Of(args),
    };

    /// <summary>Which fit the user asked for.</summary>
    public static FitOptions Read(ParseResult args) => new()
    {
        Input = args.GetValue(Input),
        K = args.GetValue(K) ?? 128,
        Pairs = args.GetValue(Pairs),
        Heads = args.GetValue(Heads) ?? 1,
        Bootstrap = args.GetValue(Bootstrap) != "off",
        Aggregate = args.GetValue(CommonOptions.Aggregate),
        Training = new HeadTrainingOptions
        {
            Loss = args.GetValue(Loss),
            Margin = args.GetValue(Margin) ?? s_defaults.Margin,
            HiddenUnits = args.GetValue(HiddenUnits) ?? s_defaults.HiddenUnits,
            LearningRate = args.GetValue(LearningRate) ?? s_defaults.LearningRate,
            WeightDecay = args.GetValue(WeightDecay) ?? s_defaults.WeightDecay,
            BatchPairs = args.GetValue(BatchPairs) ?? s_defaults.BatchPairs,
            MaxEpochs = args.GetValue(Epochs) ?? s_defaults.MaxEpochs,
            Patience = args.GetValue(Patience) ?? s_defaults.Patience,
            HeldOutFraction = args.GetValue(HeldOut) ?? s_defaults.HeldOutFraction,
            Seed = args.GetValue(Seed) ?? s_defaults.Seed,
            Seeds = args.GetValue(Seeds) ?? s_defaults.Seeds,
            Threads = args.GetValue(CommonOptions.Threads) ?? 0,
        },
    };

    /// <summary>What the user asked for, and for the rest what a reward model was fitted with.</summary>
    public static (TrainerOptions Trainer, FitOptions Fit) Of(ParseResult args, TrainerOptions trainer, FitOptions asked, RewardModel reward)
    {
        if (reward.Components is not [var component])
            throw new UsageException($"--folds fits one reward, and the reward file holds {reward.Components.Count}; name a file of one component, or leave --reward out");
        var metadata = reward.Metadata;
        var fit = asked with
        {
            Input = args.Has(Input) ? asked.Input : component.Input.Kind,
            Heads = args.GetValue(Heads) ?? component.Heads.Count,
            Bootstrap = args.Has(Bootstrap) ? asked.Bootstrap : component.Heads.Count == 1 || metadata.Bootstrap,
            Aggregate = args.Has(CommonOptions.Aggregate) ? asked.Aggregate : reward.Aggregate,
            K = args.GetValue(K) ?? metadata.K ?? asked.K,
            Training = asked.Training with
            {
                Loss = args.Has(Loss) ? asked.Training.Loss : PreferenceLoss.Parse(metadata.Loss),
                Margin = args.GetValue(Margin) ?? metadata.Margin,
                HiddenUnits = args.GetValue(HiddenUnits) ?? component.Heads[0].HiddenUnits,
                Seed = args.GetValue(Seed) ?? metadata.Seed,
            },
        };
        trainer = AsFitted(args, trainer, reward);
        Check(args, trainer, fit);
        return (trainer, fit);
    }

    /// <summary>States as a reward model reads them, where the user did not ask for others.</summary>
    public static TrainerOptions AsFitted(ParseResult args, TrainerOptions trainer, RewardModel reward)
    {
        var (metadata, identity) = (reward.Metadata, reward.Metadata.Identity);
        bool ownTemplate = trainer.Backbone.ChatTemplate is null && identity.TemplateFingerprint.Length > 0;
        return trainer with
        {
            Layer = trainer.Layer ?? identity.Layer,
            Position = args.Has(CommonOptions.Position) ? trainer.Position : identity.Position,
            Backbone = trainer.Backbone with
            {
                Compute = args.Has(CommonOptions.DType) ? trainer.Backbone.Compute : DTypes.ParseCompute(metadata.DType),
                Template = ownTemplate ? (identity.TemplateName, metadata.TemplateSource) : null,
            },
        };
    }

    /// <summary>Refuses what no file need be read for.</summary>
    public static void Check(ParseResult args, TrainerOptions trainer, FitOptions options)
    {
        if (args.Has(Bootstrap) && options.Heads == 1) throw new UsageException("--bootstrap says what each of several heads sees; add --heads 2 or more, or leave it out");
        bool needsSae = options.Input is HeadInputKind.Projection or HeadInputKind.Activations;
        if (needsSae && trainer.Sae is null)
            throw new UsageException($"--input {HeadInput.Name(options.Input)} needs --sae; without an SAE there are --input dense and --input random");
        if (!needsSae && trainer.Sae is null && trainer.Layer is null)
            throw new UsageException("--layer is needed where there is no --sae that says it");
        if (options.Aggregate.NeedsSeveralHeads && options.Heads == 1)
            throw new UsageException($"--aggregate {options.Aggregate} needs several heads; add --heads 2 or more, or use mean");
        Recognised.RefuseSwapped(trainer.Backbone.Model, trainer.Sae);
        if (options.Training.HeldOutFraction >= 1) throw new UsageException("--held-out is a share below 1");
    }
}
