using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Research.Answers;
using SparseRM.Research.Baselines;
using SparseRM.Research.Runs;
using SparseRM.Sae;

namespace SparseRM.Research.Robustness;

/// <summary>Fits every loss under every condition, and compares with the pairs as they are.</summary>
internal static class ConditionRuns
{
    /// <summary>Runs them.</summary>
    /// <param name="conditions">The first is the pairs as they are, tested on everything.</param>
    /// <param name="options">Losses, draws and training.</param>
    /// <param name="sae">Has the directions.</param>
    /// <param name="log">Knows fits that were done before, and keeps the others.</param>
    /// <param name="notes">Told of conditions that leave nothing to learn from.</param>
    /// <param name="progress">Told of the fits done.</param>
    /// <param name="cancel">Checked between batches.</param>
    public static IReadOnlyList<RobustnessRow> Run(
        IReadOnlyList<Condition> conditions, RobustnessOptions options, SparseAutoencoder sae, ConditionLog log, List<string> notes, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var tasks = (from condition in Enumerable.Range(0, conditions.Count)
                     from loss in Enumerable.Range(0, options.Losses.Count)
                     from draw in Enumerable.Range(0, options.Draws)
                     select (condition, loss, draw)).ToArray();
        var outcomes = conditions.Select(condition => condition.Tests.Select(_ => options.Losses.Select(_ => new bool[options.Draws][]).ToArray()).ToArray()).ToArray();
        int[] sizes = new int[conditions.Count];
        var problems = new string?[tasks.Length];
        int done = 0;
        var order = new InOrder<ConditionRun>(tasks.Length, log.Add);
        SeededFits.Run(tasks.Length, options.Training.ThreadsToUse, cancel, number =>
        {
            var (condition, loss, draw) = tasks[number];
            var own = conditions[condition];
            var key = new ConditionKey(condition, PreferenceLoss.Name(options.Losses[loss]), draw);
            var run = log.Of(key, own.Tests.Select(test => test.Pairs.Length)) ?? Fit(key, own, options with { Losses = [options.Losses[loss]] }, sae, cancel);
            (sizes[condition], problems[number]) = (run.Pairs, run.Problem);
            for (int test = 0; test < run.Right.Count; test++) outcomes[condition][test][loss][draw] = run.Right[test];
            order.Put(number, run);
            progress?.Report(new WorkProgress("fitting under conditions", Interlocked.Increment(ref done), tasks.Length));
        });
        var failed = new HashSet<int>();
        for (int number = 0; number < tasks.Length; number++)
        {
            var own = conditions[tasks[number].condition];
            if (problems[number] is { } problem && failed.Add(tasks[number].condition)) notes.Add($"{own.Study}, {own.Name}, is left out: {problem}");
        }
        return [.. Rows(conditions, outcomes, sizes, failed, options)];
    }

    private static ConditionRun Fit(ConditionKey key, Condition condition, RobustnessOptions options, SparseAutoencoder sae, CancellationToken cancel)
    {
        long seed = options.Training.Seed + key.Draw;
        var training = condition.Training(seed);
        FittedBaseline fitted;
        try
        {
            fitted = Method(options, options.Losses[0], sae).Fit(training, seed, cancel);
        }
        catch (SparseRMException error) when (key.Condition > 0)
        {
            // What a condition leaves may be nothing to learn from: answers that are all cut to the same words, say.
            return new ConditionRun(key, training.Pairs.Length, [], error.Message);
        }
        var scores = new Dictionary<AnswerSet, double[]>();
        return new ConditionRun(key, training.Pairs.Length, [.. condition.Tests.Select(tested =>
        {
            if (!scores.TryGetValue(tested.Answers, out double[]? own)) scores[tested.Answers] = own = fitted.Scores(tested.Answers);
            return Array.ConvertAll(tested.Pairs, pair => own[pair.Chosen] > own[pair.Rejected]);
        })], null);
    }

    /// <summary>The method with a loss, on one thread.</summary>
    public static HeadBaseline Method(RobustnessOptions options, PreferenceLossKind loss, SparseAutoencoder sae) =>
        HeadBaseline.Directions(BaselineStudy.Directions, options.Training with { Loss = loss, Threads = 1 }, sae, options.K);

    private static IEnumerable<RobustnessRow> Rows(IReadOnlyList<Condition> conditions, bool[][][][][] outcomes, int[] sizes, HashSet<int> failed, RobustnessOptions options)
    {
        var bootstraps = new Dictionary<TestPairs, PairedBootstrap>();
        for (int condition = 0; condition < conditions.Count; condition++)
        {
            if (failed.Contains(condition)) continue;
            var own = conditions[condition];
            for (int test = 0; test < own.Tests.Count; test++)
            {
                var tested = own.Tests[test];
                if (!bootstraps.TryGetValue(tested, out var bootstrap)) bootstraps[tested] = bootstrap = new PairedBootstrap(tested.Groups, options.Draws, options.Training.Seed);
                int same = Enumerable.Range(0, conditions[0].Tests.Count).First(i => ReferenceEquals(conditions[0].Tests[i], tested));
                for (int loss = 0; loss < options.Losses.Count; loss++)
                {
                    PairOutcomes found = new(outcomes[condition][test][loss]), before = new(outcomes[0][same][loss]);
                    yield return new RobustnessRow(own.Study, own.Name, own.Share, tested.Name, PreferenceLoss.Name(options.Losses[loss]), bootstrap.Accuracy(found),
                        condition == 0 ? null : bootstrap.Difference(found, before), sizes[condition], tested.Pairs.Length);
                }
            }
        }
    }
}
