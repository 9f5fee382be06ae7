using SparseRM.Data;
using SparseRM.Data.Evaluation;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Research.Answers;

namespace SparseRM.Research.Baselines;

/// <summary>Puts plain methods beside the sparse directions: the same pairs to learn from, the same pairs to be tested on, in several regimes.</summary>
/// <remarks>What a method chooses (a penalty, an epoch) it chooses among its training pairs, never by the test pairs. The same data, options and
/// seed give the same bytes on any number of threads.</remarks>
public static class BaselineStudy
{
    /// <summary>Name of the method itself.</summary>
    public const string Directions = "top-K directions";

    /// <summary>Name of an outside model's row.</summary>
    public const string Outside = "outside scores";

    /// <summary>Share of the prompts that are tested on where no test pairs are given.</summary>
    public const double TestShare = 0.2;

    /// <summary>Runs all methods in all regimes.</summary>
    /// <param name="trainer">Model, SAE and cache.</param>
    /// <param name="data">Pairs to learn from.</param>
    /// <param name="test">Pairs to be tested on, or null: then a fifth of the prompts of <paramref name="data"/>.</param>
    /// <param name="shift">Pairs of another kind to be tested on, or null.</param>
    /// <param name="outside">Scores of another model for the answers of <paramref name="test"/>, item by item, or null.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told of each fit.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="SparseRMException">There is no SAE, a regime is unknown, or a text cannot be read.</exception>
    public static BaselineTable Run(
        RewardTrainer trainer, PreferenceSet data, PreferenceSet? test, PreferenceSet? shift, IReadOnlyList<ItemScores>? outside, BaselineOptions options,
        IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        options.Validate();
        if (trainer.Sae is not { } sae) throw new SparseRMException(ErrorKind.Usage, "baselines compare with the directions of an SAE; give one");
        if (outside is not null && test is null) throw new SparseRMException(ErrorKind.Usage, "outside scores are of test pairs; give those test pairs, too");
        if (test is null) (data, test) = Split(data, options.Training.Seed);
        var notes = DataNotes.Of(data, test).ToList();
        AnswerSet[] sets = [.. new[] { data, test, shift }.OfType<PreferenceSet>().Select(set => AnswerSet.ReadWithLatents(trainer, set, progress, cancel))];
        bool attends = ReadTokens(sets, trainer, options, notes, progress, cancel);
        int threads = options.Training.ThreadsToUse;
        var methods = Methods(options, sae, attends, threads);
        var run = new Comparison(sets, methods, options, outside, progress, cancel);
        return run.Table(notes);
    }

    private static Baseline[] Methods(BaselineOptions options, Sae.SparseAutoencoder sae, bool attends, int threads) =>
    [
        HeadBaseline.Directions(Directions, options.Training, sae, options.K),
        new LinearBaseline(Comparison.Logistic, LinearLoss.Logistic, FeatureKinds.Dense, threads),
        new LinearBaseline(Comparison.Ridge, LinearLoss.Square, FeatureKinds.Dense, threads),
        new MeansBaseline("difference in means", threads),
        HeadBaseline.Principal("principal components", options.Training, sae, options.K),
        HeadBaseline.Random("random directions", options.Training, sae, options.K),
        new LinearBaseline("SAE activations, logistic", LinearLoss.Logistic, FeatureKinds.Activations(options.K), threads),
        HeadBaseline.Dense("MLP on the dense state", options.Training),
        .. attends ? [new AttentionBaseline("attention-pooled probe", options.Training, threads)] : Array.Empty<Baseline>(),
        new LengthBaseline("length alone"),
        new LinearBaseline("bag of words", LinearLoss.Logistic, FeatureKinds.Words, threads),
    ];

    /// <summary>A fifth of the prompts to be tested on, the rest to learn from.</summary>
    /// <exception cref="SparseRMException">There are too few prompts.</exception>
    internal static (PreferenceSet Data, PreferenceSet Test) Split(PreferenceSet data, long seed)
    {
        string[] prompts = [.. data.Items.Select(DataNotes.PromptOf)];
        var split = PairSplit.HeldOut(data.Items.Count, prompts, TestShare, seed);
        if (split.HeldOutPairs.Length == 0)
            throw new SparseRMException(ErrorKind.Data, $"{data.Path}: too few prompts to keep some for testing (items {data.Items.Count}, different prompts {prompts.Distinct().Count()}); give test pairs, or more data");
        return (data with { Items = [.. split.Training.Select(item => data.Items[item])] }, data with { Items = [.. split.HeldOutPairs.Select(item => data.Items[item])] });
    }

    private static bool ReadTokens(
        AnswerSet[] sets, RewardTrainer trainer, BaselineOptions options, List<string> notes, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        long bytes = sets.Sum(set => TokenStates.Bytes(set, trainer.Backbone));
        if (bytes > options.TokenStateBytes)
        {
            notes.Add($"the attention-pooled probe is left out: the states of the answers' tokens take {bytes >> 20} MiB, and {options.TokenStateBytes >> 20} MiB are kept in memory.");
            return false;
        }
        foreach (var set in sets) set.Tokens = TokenStates.Read(set, trainer.Backbone, trainer.Layer, progress, cancel);
        return true;
    }
}
