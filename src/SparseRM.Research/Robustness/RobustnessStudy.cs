using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Research.Answers;
using SparseRM.Research.Baselines;
using SparseRM.Research.Runs;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM.Research.Robustness;

/// <summary>Puts the fit through what real data do to it: wrong labels, lengths, damaged and poisoned pairs, other kinds of pairs, changed answers; every loss beside the others.</summary>
/// <remarks>The same data, options and seed give the same bytes on any number of threads.</remarks>
public static class RobustnessStudy
{
    private const int ShownSuspects = 20;

    /// <summary>Runs it.</summary>
    /// <param name="trainer">Model, SAE and cache.</param>
    /// <param name="data">Pairs to learn from.</param>
    /// <param name="test">Pairs to be tested on, or null: then a fifth of the prompts of <paramref name="data"/>.</param>
    /// <param name="others">Other pairs.</param>
    /// <param name="options">How.</param>
    /// <param name="openLog">Given the study's name, gives the fits under conditions that are known and takes new ones; null: nothing is kept.</param>
    /// <param name="progress">Told of each fit.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="SparseRMException">There is no SAE, paraphrases do not go with the test items, or a text cannot be read.</exception>
    public static RobustnessTable Run(
        RewardTrainer trainer, PreferenceSet data, PreferenceSet? test, RobustnessData others, RobustnessOptions options,
        Func<string, ConditionLog>? openLog = null, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        if (trainer.Sae is not { } sae) throw new SparseRMException(ErrorKind.Usage, "robustness is a study of the directions of an SAE; give one");
        if (options.Draws < 1 || options.Losses.Count == 0 || options.Triggers.Count == 0) throw new SparseRMException(ErrorKind.Usage, "there must be at least 1 draw, 1 loss and 1 trigger.");
        others.Check(test);
        if (test is null) (data, test) = BaselineStudy.Split(data, options.Training.Seed);
        using var log = openLog is null ? ConditionLog.None : openLog(StudyOf(trainer, data, test, others, options));
        AnswerChange[] changes = [.. AnswerChange.Patterns, .. options.Triggers.Select(AnswerChange.Trigger)];
        AnswerChange trigger = AnswerChange.Trigger(options.Triggers[0]);
        var training = ChangedAnswers.Read(trainer, data, [.. data.Items.Select(AnswerChange.Truncated.Apply), .. data.Items.Select(trigger.Apply)], progress, cancel);
        var tested = ChangedAnswers.Read(trainer, test, [.. test.Items.Select(AnswerChange.Truncated.Apply), .. changes.SelectMany(change => test.Items.Select(change.Apply)),
            .. others.Paraphrases?.Items ?? []], progress, cancel);
        var notes = DataNotes.Of(data, test).ToList();
        int threads = options.Training.ThreadsToUse;
        var clean = new TrainingPairs(training.All, training.Pairs, training.Groups);
        var first = ConditionRuns.Method(options, options.Losses[0], sae);
        var fitted = CrossFit.Of(clean, first, options.Training.Seed, threads, cancel);
        var noisy = clean.Noisy(0.2, options.Training.Seed);
        var found = CrossFit.Of(noisy, first, options.Training.Seed, threads, cancel);

        var main = new TestPairs("test pairs", tested.All, tested.Pairs, tested.Groups);
        var truncated = main with { Name = "truncated", Pairs = [.. tested.Pairs.Select(pair => tested.Both(pair, 0))] };
        int at = 1 + AnswerChange.Patterns.Count;
        var triggered = main with { Name = "trigger on rejected", Pairs = [.. tested.Pairs.Select(pair => pair with { Rejected = tested.Row(pair.Rejected, at) })] };
        var conditions = new Conditions(training, clean, fitted.Suspicion(), main);
        var (transfer, foreign) = Tasks(trainer, others, clean, main, options, progress, cancel);
        Condition[] all =
        [
            .. conditions.LabelNoise(), .. conditions.LengthBias(notes), .. conditions.Damage(), .. conditions.Poison(triggered), .. transfer, .. conditions.Dropping(),
                .. conditions.DroppingNoise(noisy, found.Suspicion()),
        ];
        TestPairs[] tests = [.. new[] { main, truncated, triggered }.Concat(foreign).Concat(all.SelectMany(condition => condition.Tests)).Distinct()];
        var rows = ConditionRuns.Run([new Condition(Conditions.Base, "all pairs", null, _ => clean, tests), .. all], options, sae, log, notes, progress, cancel);

        var (input, head) = first.FitHead(clean, options.Training.Seed, cancel);
        var stability = new Stability(tested, input, head.Head);
        StabilityRow[] stable =
        [
            stability.Of(AnswerChange.Truncated.Name, 0, isOfOne: true), .. changes.Select((change, i) => stability.Of(change.Name, i + 1, isOfOne: true)),
            .. others.Paraphrases is null ? Array.Empty<StabilityRow>() : [stability.Of("paraphrases", 1 + changes.Length, isOfOne: false)],
        ];
        return new RobustnessTable(rows, Suspects(data, fitted), Findings(clean, noisy, found), stable, RobustnessSummary.Of(rows), notes);
    }

    /// <summary>Names everything that decides a fit beside its condition, loss and draw.</summary>
    private static string StudyOf(RewardTrainer trainer, PreferenceSet data, PreferenceSet test, RobustnessData others, RobustnessOptions options) => Study.Hash(
    [
        .. Study.PartsOf(trainer.Backbone), trainer.Backbone.Model.FingerprintOf(trainer.Layer), $"{trainer.Position}", trainer.Sae!.Id, .. Study.PartsOf(data), .. Study.PartsOf(test),
        .. new[] { others.Shift }.Concat(others.Tasks).OfType<PreferenceSet>().SelectMany(set => Study.PartsOf(set).Prepend(set == others.Shift ? "shift" : Path.GetFileNameWithoutExtension(set.Path))),
        Study.PartOf(options.Training), $"{options.Training.HiddenUnits} {options.K} {PreferenceLoss.Name(options.Losses[0])}", options.Triggers[0],
    ]);

    /// <summary>What is learned from other tasks and tested on all, and all foreign test pairs.</summary>
    private static (List<Condition> Transfer, List<TestPairs> Foreign) Tasks(
        RewardTrainer trainer, RobustnessData others, TrainingPairs clean, TestPairs main, RobustnessOptions options, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var (foreign, learned) = (new List<TestPairs>(), new List<(string Name, TrainingPairs Pairs)>());
        if (others.Shift is { } shift) foreign.Add(Tested("shift", shift));
        foreach (var task in others.Tasks)
        {
            var (train, test) = BaselineStudy.Split(task, options.Training.Seed);
            string name = Path.GetFileNameWithoutExtension(task.Path);
            foreign.Add(Tested(name, test));
            learned.Add((name, TrainingPairs.Of(Answers(train))));
        }
        return ([.. learned.Select(task => new Condition("learned elsewhere", task.Name, null, _ => task.Pairs, [main, .. foreign]))], foreign);

        TestPairs Tested(string name, PreferenceSet set) => Answers(set) is var answers ? new TestPairs(name, answers, answers.Pairs, answers.Groups) : throw new InvalidOperationException();

        AnswerSet Answers(PreferenceSet set) => AnswerSet.ReadWithLatents(trainer, set, progress, cancel);
    }

    private static SuspectPair[] Suspects(PreferenceSet data, CrossFit fitted)
    {
        var pairs = (from item in data.Items from chosen in item.Chosen from rejected in item.Rejected select (item, chosen, rejected)).ToArray();
        // Where margins go against the labels there is no temperature to learn.
        double temperature = fitted.Margins.Sum() > 0 ? CalibrationFit.Temperature(fitted.Margins) : 1;
        return [.. fitted.Suspicion().Take(ShownSuspects).Select(pair => new SuspectPair(pairs[pair].item.Line, Text(pairs[pair].item.Prompt), Text(pairs[pair].chosen), Text(pairs[pair].rejected),
            ScoreCalibration.Logistic(fitted.Margins[pair] / temperature), fitted.Salience[pair]))];
    }

    private static string Text(IEnumerable<Message> messages) => string.Join(" / ", messages.Select(message => message.Content));

    private static NoiseFinding[] Findings(TrainingPairs clean, TrainingPairs noisy, CrossFit found)
    {
        bool[] exchanged = [.. clean.Pairs.Zip(noisy.Pairs, (before, after) => before != after)];
        return [Finding("cross-fitted margin", found.Margins), Finding("salience of latents", found.Salience)];

        NoiseFinding Finding(string by, double[] values)
        {
            int[] order = [.. Enumerable.Range(0, values.Length).OrderBy(pair => values[pair])];
            int count = exchanged.Count(wrong => wrong);
            return new NoiseFinding(by, Auroc.Of(values, exchanged), count == 0 ? 0 : order.Take(count).Count(pair => exchanged[pair]) / (double)count);
        }
    }
}
