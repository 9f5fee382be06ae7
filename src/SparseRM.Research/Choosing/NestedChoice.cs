using System.Collections.Concurrent;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Research.Answers;
using SparseRM.Research.Baselines;
using SparseRM.Research.Sweeps;
using SparseRM.Sae;
using SparseRM.Scoring;

namespace SparseRM.Research.Choosing;

/// <summary>A setting and how it did on the inner folds of all data.</summary>
/// <param name="Setting">K, layer, position and SAE.</param>
/// <param name="Correct">Pairs of the inner folds that were ordered rightly by heads which had not seen them (a tie is wrong).</param>
/// <param name="Total">All pairs.</param>
public sealed record TriedSetting(SweepSetting Setting, int Correct, int Total);

/// <summary>What was chosen.</summary>
/// <param name="Setting">The setting that did best on the inner folds of all data; of equal ones the first, which has the smallest K and the lowest layer.</param>
/// <param name="Tried">All settings.</param>
/// <param name="Choice">What was tried, and the accuracy of the outer folds.</param>
/// <param name="States">The states of the chosen layer and position.</param>
public sealed record ChosenSetting(SweepSetting Setting, IReadOnlyList<TriedSetting> Tried, SettingChoice Choice, PreferenceStates States);

/// <summary>Chooses K, layer and position of a fit by nested cross-validation.</summary>
/// <remarks>
/// Each outer fold is kept apart in turn; on the rest every setting is tried by inner folds, the best is fitted on all of the rest, and the outer fold is scored by
/// it. So no pair that counts had a say in the choice that is counted, and the accuracy is that of choosing so, not that of the luckiest setting. Then the inner
/// folds of all data choose what is kept. Pairs of one prompt stay together throughout. Fits run side by side, each on one thread: the same result on any number
/// of threads. Source: Varma and Simon 2006; Cawley and Talbot 2010.
/// </remarks>
public static class NestedChoice
{
    /// <summary>Chooses.</summary>
    /// <param name="backbone">The model with the blocks that are needed; must outlive the states.</param>
    /// <param name="options">Between what.</param>
    /// <param name="data">The pairs.</param>
    /// <param name="cache">Hidden states that are known, or null.</param>
    /// <param name="progress">Told of the fits done.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="SparseRMException">There is but one setting, there are fewer prompts than folds, an SAE does not fit the model, or a fit fails.</exception>
    public static ChosenSetting Run(
        Backbone backbone, ChoiceOptions options, PreferenceSet data, HiddenStateCache? cache, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var plan = PlanOf(backbone, options);
        var states = Read(backbone, plan, options, data, cache, progress, cancel);
        var first = states.Values.First();
        RefuseFewPrompts(options, data, first.Answers);
        var trial = new Trial(plan, states.ToDictionary(entry => entry.Key, entry => entry.Value.Answers), options.Training, cancel);
        var (outer, inner) = Splits(first.Answers, options);
        // Every inner fit of every outer fold, and of all data as the last, by setting.
        var tasks = (from part in Enumerable.Range(0, inner.Count)
                     from fold in Enumerable.Range(0, options.InnerFolds)
                     from setting in Enumerable.Range(0, plan.Settings.Count)
                     select (part, fold, setting)).ToArray();
        var correct = new int[inner.Count, plan.Settings.Count];
        int done = 0, total = tasks.Length + outer.Count;
        Each(tasks, options.Training, cancel, task =>
        {
            int right = trial.Correct(plan.Settings[task.setting], inner[task.part][task.fold]);
            Interlocked.Add(ref correct[task.part, task.setting], right);
            progress?.Report(new WorkProgress("choosing settings", Interlocked.Increment(ref done), total));
        });
        int counted = 0;
        Each([.. Enumerable.Range(0, outer.Count)], options.Training, cancel, fold =>
        {
            Interlocked.Add(ref counted, trial.Correct(plan.Settings[Best(fold)], outer[fold]));
            progress?.Report(new WorkProgress("choosing settings", Interlocked.Increment(ref done), total));
        });
        int pairs = first.Answers.Pairs.Length;
        var chosen = plan.Settings[Best(outer.Count)];
        var choice = new SettingChoice([.. plan.Settings.Select(setting => setting.K).OfType<int>().Distinct().Order()], plan.Layers, [.. plan.Settings.Select(setting => setting.Position).Distinct()],
            options.OuterFolds, options.InnerFolds, counted, pairs);
        return new ChosenSetting(chosen, [.. plan.Settings.Select((setting, i) => new TriedSetting(setting, correct[outer.Count, i], pairs))], choice,
            states[(chosen.Position, chosen.Layer, chosen.Sae)].States);

        int Best(int part) => Enumerable.Range(0, plan.Settings.Count).MaxBy(setting => correct[part, setting]);
    }

    private static SweepPlan PlanOf(Backbone backbone, ChoiceOptions options)
    {
        var layers = options.Layers ?? (SweepPlan.NeedsSae(options.Input) ? null : [.. Enumerable.Range(0, backbone.Config.NLayers)]);
        int[] widths = [.. options.Saes.Select(path => SaeFormatCatalog.Open(path, options.LlamaScopeMode).DSae)];
        var ks = options.Ks ?? [.. ChoiceOptions.DefaultKs.Where(k => widths.All(width => 2 * k <= width))];
        var plan = SweepPlan.Of(ModelFolder.Resolve(backbone.Options.Model), new SweepOptions
        {
            Saes = options.Saes, Layers = layers, Positions = options.Positions, Inputs = [options.Input], Ks = [.. ks.Order()], HiddenUnits = [options.Training.HiddenUnits],
            Losses = [options.Training.Loss], Training = options.Training, LlamaScopeMode = options.LlamaScopeMode,
        });
        return plan.Settings is not [var only] ? plan : throw new SparseRMException(ErrorKind.Usage,
            $"there is nothing to choose: the only setting is {Described(only)}; give several different values, or SAEs of several layers");
    }

    private static string Described(SweepSetting setting) =>
        (setting.K is { } k ? $"K {k}, " : "") + $"layer {setting.Layer}, position {setting.Position.ToString().ToLowerInvariant()}";

    private static Dictionary<(ReadOutPosition, int, string?), (PreferenceStates States, AnswerSet Answers)> Read(
        Backbone backbone, SweepPlan plan, ChoiceOptions options, PreferenceSet data, HiddenStateCache? cache, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var found = new Dictionary<(ReadOutPosition, int, string?), (PreferenceStates, AnswerSet)>();
        var positions = plan.Settings.GroupBy(setting => setting.Position).ToArray();
        foreach (var position in positions)
        {
            int[] layers = [.. position.Select(setting => setting.Layer).Distinct().Order()];
            var states = LayeredStates.Read(backbone, layers, position.Key, data, cache, options.KeptStateBytes / positions.Length, progress, cancel);
            foreach (var (layer, sae) in position.Select(setting => (setting.Layer, setting.Sae)).Distinct())
            {
                var answers = new AnswerSet(states[layer], cancel);
                if (sae is not null) answers.Latents = LatentRows.Of(backbone, plan.Saes[sae], answers.States, cancel);
                found[(position.Key, layer, sae)] = (states[layer], answers);
            }
        }
        return found;
    }

    private static void RefuseFewPrompts(ChoiceOptions options, PreferenceSet data, AnswerSet answers)
    {
        int prompts = answers.Groups.Distinct().Count(), least = Math.Max(options.OuterFolds, (int)Math.Ceiling(options.InnerFolds * options.OuterFolds / (options.OuterFolds - 1.0)));
        if (prompts < least)
        {
            throw new SparseRMException(
                $"{data.Path}: choosing settings by {options.OuterFolds} x {options.InnerFolds} nested folds needs at least {least} different prompts, and there are {prompts}; give more data, or say the settings");
        }
    }

    /// <summary>The outer folds, and the inner folds of what each leaves; last those of all data. All in numbers of all pairs.</summary>
    private static (IReadOnlyList<PairSplit> Outer, List<IReadOnlyList<PairSplit>> Inner) Splits(AnswerSet answers, ChoiceOptions options)
    {
        var outer = PairSplit.Folds(answers.Pairs.Length, answers.Groups, options.OuterFolds, options.Training.Seed);
        int[][] parts = [.. outer.Select(split => split.Training), [.. Enumerable.Range(0, answers.Pairs.Length)]];
        return (outer, [.. parts.Select((part, number) => (IReadOnlyList<PairSplit>)
        [
            // Of a seed of its own, or all parts would split alike.
            .. PairSplit.Folds(part.Length, [.. part.Select(pair => answers.Groups[pair])], options.InnerFolds, options.Training.Seed + 1 + number)
                .Select(split => new PairSplit([.. split.Training.Select(pair => part[pair])], [.. split.HeldOutPairs.Select(pair => part[pair])])),
        ])]);
    }

    private static void Each<T>(T[] tasks, HeadTrainingOptions training, CancellationToken cancel, Action<T> run)
    {
        try
        {
            Parallel.ForEach(Partitioner.Create(tasks, loadBalance: true), new ParallelOptions { MaxDegreeOfParallelism = training.ThreadsToUse, CancellationToken = cancel }, run);
        }
        catch (AggregateException error) when (error.InnerExceptions.OfType<SparseRMException>().FirstOrDefault() is { } first)
        {
            throw first;
        }
    }

    /// <summary>Fits a setting on some pairs and counts others.</summary>
    private sealed class Trial(
        SweepPlan plan, Dictionary<(ReadOutPosition, int, string?), AnswerSet> answers, HeadTrainingOptions training, CancellationToken cancel)
    {
        public int Correct(SweepSetting setting, PairSplit split)
        {
            var own = answers[(setting.Position, setting.Layer, setting.Sae)];
            AnswerPair[] pairs = [.. split.Training.Select(pair => own.Pairs[pair])];
            var input = SettingInputs.Of(setting, setting.Sae is null ? null : plan.Saes[setting.Sae], own, pairs);
            float[] rows = SettingInputs.Rows(input, own);
            var head = HeadTrainer.Train(HeadBaseline.PairsOf(rows, input.Count, pairs), training with { Threads = 1, Seeds = 1 },
                [.. split.Training.Select(pair => own.Groups[pair])], null, cancel).Head;
            return split.HeldOutPairs.Count(pair => Score(own.Pairs[pair].Chosen) > Score(own.Pairs[pair].Rejected));

            double Score(int row) => head.Score(rows.AsSpan(row * input.Count, input.Count));
        }
    }
}
