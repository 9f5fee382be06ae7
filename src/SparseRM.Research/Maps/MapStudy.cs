using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Research.Answers;
using SparseRM.Scoring;

namespace SparseRM.Research.Maps;

/// <summary>How maps are made.</summary>
public sealed record MapOptions
{
    /// <summary>Latents a side of the projection, where no reward model says it.</summary>
    public int K { get; init; } = 128;

    /// <summary>Answers at most: of more, the prompts are drawn.</summary>
    public int Points { get; init; } = 1000;

    /// <summary>Neighbours that count in t-SNE.</summary>
    public double Perplexity { get; init; } = 30;

    /// <summary>Seed of the prompts that are drawn.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Threads at most, 0 for all cores; they change no bit.</summary>
    public int Threads { get; init; }
}

/// <summary>An answer on the maps.</summary>
/// <param name="IsChosen">Whether it is a preferred one.</param>
/// <param name="Prompt">What was asked.</param>
/// <param name="Answer">What it says.</param>
/// <param name="Line">Line of its item in the data.</param>
public sealed record MapPoint(bool IsChosen, string Prompt, string Answer, long Line);

/// <summary>One space with its two maps and what tells how far the sides lie apart.</summary>
/// <param name="Name">projected or dense.</param>
/// <param name="Width">Its dimensions.</param>
/// <param name="TSne">[n, 2].</param>
/// <param name="Principal">[n, 2].</param>
/// <param name="Divergence">KL(P | Q) of the t-SNE map.</param>
/// <param name="Trustworthiness">Of the t-SNE map, over 5 neighbours.</param>
/// <param name="Silhouette">In the space itself.</param>
/// <param name="TSneSilhouette">On the t-SNE map.</param>
/// <param name="PrincipalSilhouette">On the map of principal components.</param>
/// <param name="Probe">Cross-validated accuracy of a linear probe; null for a single prompt.</param>
public sealed record SpaceMap(string Name, int Width, double[] TSne, double[] Principal, double Divergence, double Trustworthiness, double Silhouette, double TSneSilhouette,
    double PrincipalSilhouette, AccuracyInterval? Probe);

/// <summary>Preferred against rejected answers, projected and dense.</summary>
/// <param name="Points">The answers.</param>
/// <param name="Spaces">projected, then dense.</param>
/// <param name="Notes">What a reader should know, one sentence each.</param>
public sealed record MapResult(IReadOnlyList<MapPoint> Points, IReadOnlyList<SpaceMap> Spaces, IReadOnlyList<string> Notes);

/// <summary>Makes maps of preferred against rejected answers: on the directions of a reward, and of the dense state.</summary>
public static class MapStudy
{
    private const int Neighbours = 5;

    /// <summary>Makes them.</summary>
    /// <param name="trainer">Model and, where there is no reward model, SAE.</param>
    /// <param name="data">The pairs.</param>
    /// <param name="reward">Its head's input is the projection, and its name; null: directions are chosen from the pairs.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told of states read and steps done.</param>
    /// <param name="cancel">Heard between steps.</param>
    /// <exception cref="SparseRMException">There are too few answers, or the head reads no directions.</exception>
    public static MapResult Run(
        RewardTrainer trainer, PreferenceSet data, (string Path, RewardModel Reward)? reward, MapOptions options, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var notes = new List<string>();
        data = Drawn(data, options, notes);
        if (reward is null && trainer.Sae is null) throw new SparseRMException(ErrorKind.Usage, "the projected space needs an SAE, from whose latents directions are chosen, or a reward file; give either");
        var answers = reward is null ? AnswerSet.ReadWithLatents(trainer, data, progress, cancel) : AnswerSet.Read(trainer, data, progress, cancel);
        if (answers.Count <= 3 * options.Perplexity || answers.Count <= 2 * Neighbours)
            throw new SparseRMException(ErrorKind.Data, FormattableString.Invariant($"{data.Path}: {answers.Count} answers are too few for a map of perplexity {options.Perplexity}; give more than {Math.Max(3 * options.Perplexity, 2 * Neighbours)}, or a smaller perplexity"));
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Threads == 0 ? Environment.ProcessorCount : options.Threads, CancellationToken = cancel };
        var input = InputOf(trainer, answers, reward, options, notes);
        var points = Points(answers);
        string[] prompts = [.. points.Select(point => point.Prompt)];
        bool[] sides = [.. points.Select(point => point.IsChosen)];
        float[] projected = input.ComputeRows(answers.States, parallel.MaxDegreeOfParallelism);
        return new MapResult(points,
        [
            Of("projected", projected, input.Count, sides, prompts, options, parallel, progress),
            Of("dense", answers.States, answers.Width, sides, prompts, options, parallel, progress),
        ], notes);
    }

    private static SpaceMap Of(string name, ReadOnlyMemory<float> values, int width, bool[] sides, string[] prompts, MapOptions options, ParallelOptions parallel, IProgress<WorkProgress>? progress)
    {
        var space = new Space(values, width, parallel);
        var (principal, deviation) = space.Principal(parallel.MaxDegreeOfParallelism);
        double[] p = TSne.Affinities(space.Squared, space.Count, options.Perplexity, parallel);
        double[] start = deviation == 0 ? principal : Array.ConvertAll(principal, value => value / deviation * 1e-4);
        double[] map = TSne.Embed(p, start, parallel, new StageProgress(progress, $"mapping the {name} space", TSne.Steps)), squared = Separation.Squared(map);
        int? correct = Separation.ProbeCorrect(values, width, sides, prompts, parallel);
        return new SpaceMap(name, width, map, principal, TSne.Divergence(p, map), Separation.Trustworthiness(space.Squared, squared, space.Count, Neighbours, parallel),
            Separation.Silhouette(space.Squared, sides), Separation.Silhouette(squared, sides), Separation.Silhouette(Separation.Squared(principal), sides),
            correct is { } right ? new AccuracyInterval(right, sides.Length) : null);
    }

    // Whole items, so that both sides of a pair are there.
    private static PreferenceSet Drawn(PreferenceSet data, MapOptions options, List<string> notes)
    {
        int all = data.Items.Sum(item => item.Chosen.Count + item.Rejected.Count), count = 0;
        if (all <= options.Points) return data;
        int[] order = [.. Enumerable.Range(0, data.Items.Count)];
        new SeededRandom(options.Seed, stream: 15).Shuffle<int>(order);
        int[] kept = [.. order.TakeWhile(item => (count += data.Items[item].Chosen.Count + data.Items[item].Rejected.Count) <= options.Points).Order()];
        notes.Add($"{kept.Length} of {data.Items.Count} items are shown, drawn with seed {options.Seed}.");
        return kept.Length == 0 ? data with { Items = [data.Items[order[0]]] } : data with { Items = [.. kept.Select(item => data.Items[item])] };
    }

    private static HeadInput InputOf(RewardTrainer trainer, AnswerSet answers, (string Path, RewardModel Reward)? reward, MapOptions options, List<string> notes)
    {
        if (reward is var (path, model))
        {
            if (model.Components is not [{ Input: { Kind: HeadInputKind.Projection or HeadInputKind.Random } input }])
                throw new SparseRMException(ErrorKind.Usage, $"{path}: its head is not one over directions, so there is no projected space to map; give the reward file of a fit with input projection");
            if (model.Metadata.DataHash == answers.Data.DataHash) notes.Add("these are the pairs on which the directions were chosen, so that the projected space flatters.");
            return input;
        }
        var selection = DirectionSelector.Select(answers.Latents!.Frequency(answers.Pairs), options.K);
        notes.Add("directions were chosen on the very answers that are shown, so that the projected space flatters; give a reward file and other pairs to see how much.");
        return HeadInputs.Projection(selection, answers.Width, trainer.Sae!.ReadDirections([.. selection.All.Select(latent => latent.Latent)]));
    }

    private static MapPoint[] Points(AnswerSet answers)
    {
        var points = new MapPoint[answers.Count];
        foreach (var (item, rows) in answers.Data.Items.Zip(answers.Items))
        {
            string prompt = string.Join(" / ", item.Prompt.Select(message => message.Content));
            foreach (int row in rows.Chosen) points[row] = new MapPoint(true, prompt, answers.Text(row), item.Line);
            foreach (int row in rows.Rejected) points[row] = new MapPoint(false, prompt, answers.Text(row), item.Line);
        }
        return points;
    }
}
