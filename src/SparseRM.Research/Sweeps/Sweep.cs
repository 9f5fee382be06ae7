using System.Collections.Concurrent;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Research.Answers;
using SparseRM.Research.Baselines;
using SparseRM.Research.Runs;

namespace SparseRM.Research.Sweeps;

/// <summary>Fits heads over many settings on states that are read once for all layers.</summary>
/// <remarks>
/// Fits run side by side, each on one thread, and are handed over in the order of the settings: the same bytes on any number of threads. In memory are the states
/// of one position after all layers, at most <see cref="SweepOptions.KeptStateBytes"/> for the data and as much for the test pairs; more is refused.
/// </remarks>
public static class Sweep
{
    /// <summary>Runs what is not known yet.</summary>
    /// <param name="model">The model and how it runs.</param>
    /// <param name="options">Values of each setting.</param>
    /// <param name="data">Pairs to learn from.</param>
    /// <param name="test">Pairs to be tested on, or null: then a fifth of the prompts of <paramref name="data"/>.</param>
    /// <param name="cache">Hidden states that are known, or null.</param>
    /// <param name="openLog">Given the study's name, gives the runs that are known and takes new ones.</param>
    /// <param name="progress">Told of the fits done.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="SparseRMException">An option is out of range, an SAE does not fit the model, a text cannot be read, or a fit fails.</exception>
    public static SweepResult Run(
        BackboneOptions model, SweepOptions options, PreferenceSet data, PreferenceSet? test, HiddenStateCache? cache, Func<string, ISweepLog> openLog,
        IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        string folder = ModelFolder.Resolve(model.Model);
        var plan = SweepPlan.Of(folder, options);
        if (test is null) (data, test) = BaselineStudy.Split(data, options.Training.Seed);
        RefuseMorePairs(options, data);
        using var backbone = Backbone.Open(model with { Model = folder }, plan.Layers[^1], null, cancel);
        SweepSetting[] settings = [.. plan.Settings.Select(setting => setting with { Weights = WeightsOf(backbone, plan, setting) })];
        using var log = openLog(StudyOf(backbone, options.Training, data, test));
        SweepSetting[] missing = [.. settings.Where(setting => !log.Known.ContainsKey(setting))];
        int known = settings.Length - missing.Length;
        int before = known;
        // Position by position, so that no more than one position's states are in memory.
        foreach (var position in missing.GroupBy(setting => setting.Position))
        {
            SweepSetting[] own = [.. position];
            var states = Read(backbone, plan, own, data, test, cache, options.KeptStateBytes, progress, cancel);
            Fit(own, states, plan, options.Training, log, done => progress?.Report(new WorkProgress("fitting heads", before + done, settings.Length)), cancel);
            before += own.Length;
        }
        return new SweepResult([.. settings.Select(setting => log.Known[setting])], known, backbone.Description, [.. plan.Notes, .. DataNotes.Of(data, test)]);
    }

    /// <summary>A learning curve must not tell of more pairs than a head learned from.</summary>
    private static void RefuseMorePairs(SweepOptions options, PreferenceSet data)
    {
        long there = data.Items.Sum(item => (long)item.Chosen.Count * item.Rejected.Count);
        int most = options.Pairs.Max();
        if (most > there)
            throw new SparseRMException(ErrorKind.Usage, $"{most} pairs were asked for, but {data.Path} has {there} to learn from; ask for fewer, or for 0, which is all of them");
    }

    /// <summary>The states of settings of one position, by layer and SAE.</summary>
    private static Dictionary<(int, string?), (AnswerSet Training, AnswerSet Test)> Read(
        Backbone backbone, SweepPlan plan, SweepSetting[] missing, PreferenceSet data, PreferenceSet test, HiddenStateCache? cache, long keptBytes,
        IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var found = new Dictionary<(int, string?), (AnswerSet, AnswerSet)>();
        int[] layers = [.. missing.Select(setting => setting.Layer).Distinct().Order()];
        var training = LayeredStates.Read(backbone, layers, missing[0].Position, data, cache, keptBytes, progress, cancel);
        var tested = LayeredStates.Read(backbone, layers, missing[0].Position, test, cache, keptBytes, progress, cancel);
        foreach (var (layer, sae) in missing.Select(setting => (setting.Layer, setting.Sae)).Distinct())
        {
            var sets = (new AnswerSet(training[layer], cancel), new AnswerSet(tested[layer], cancel));
            if (sae is not null)
            {
                sets.Item1.Latents = LatentRows.Of(backbone, plan.Saes[sae], sets.Item1.States, cancel);
                sets.Item2.Latents = LatentRows.Of(backbone, plan.Saes[sae], sets.Item2.States, cancel);
            }
            found[(layer, sae)] = sets;
        }
        return found;
    }

    private static void Fit(
        SweepSetting[] settings, Dictionary<(int, string?), (AnswerSet Training, AnswerSet Test)> states, SweepPlan plan,
        HeadTrainingOptions training, ISweepLog log, Action<int> tick, CancellationToken cancel)
    {
        var inputs = settings.GroupBy(SweepInputs.KeyOf).ToDictionary(group => group.Key, group =>
        {
            var first = group.First();
            return new SweepInputs(states[(first.Layer, first.Sae)], first, first.Sae is null ? null : plan.Saes[first.Sae], group.Count());
        });
        int count = 0;
        var order = new InOrder<SweepRun>(settings.Length, log.Add);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = training.ThreadsToUse, CancellationToken = cancel };
        try
        {
            Parallel.ForEach(Partitioner.Create(Enumerable.Range(0, settings.Length), EnumerablePartitionerOptions.NoBuffering), parallel, i =>
            {
                order.Put(i, inputs[SweepInputs.KeyOf(settings[i])].Run(settings[i], training, cancel));
                tick(Interlocked.Increment(ref count));
            });
        }
        catch (AggregateException error) when (error.InnerExceptions.OfType<SparseRMException>().FirstOrDefault() is { } first)
        {
            throw first;
        }
    }

    /// <summary>Names everything that decides a run beside its setting.</summary>
    private static string StudyOf(Backbone backbone, HeadTrainingOptions training, PreferenceSet data, PreferenceSet test) =>
        Study.Hash([.. Study.PartsOf(backbone), .. Study.PartsOf(data), .. Study.PartsOf(test), Study.PartOf(training)]);

    private static string WeightsOf(Backbone backbone, SweepPlan plan, SweepSetting setting) =>
        Study.Hash(backbone.Model.FingerprintOf(setting.Layer), setting.Sae is null ? "" : plan.Saes[setting.Sae].Id);
}
