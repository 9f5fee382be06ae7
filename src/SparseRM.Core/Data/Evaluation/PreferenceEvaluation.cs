namespace SparseRM.Data.Evaluation;

/// <summary>Turns scores into accuracies by the rules of the data's format.</summary>
public static class PreferenceEvaluation
{
    /// <summary>
    /// Counts pairs (chosen strictly above rejected; a tie is wrong), in all and by subset, and applies the own rule of RewardBench 1,
    /// RewardBench 2 or TruthfulQA MC1 where <see cref="PreferenceSet.Format"/> is one of them. TruthfulQA's MC2 is left out: for
    /// rewards it depends on their scale.
    /// </summary>
    /// <param name="data">The items.</param>
    /// <param name="scores">One entry an item, in order.</param>
    /// <exception cref="ArgumentException">The scores do not fit the items in number, or one is NaN or infinite.</exception>
    /// <exception cref="Errors.DataFormatException">RewardBench 2's Ties items carry ids that its rule cannot pair.</exception>
    public static EvaluationResult Evaluate(PreferenceSet data, IReadOnlyList<ItemScores> scores)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(scores);
        Check(data.Items, scores);

        AccuracyCount all = default;
        var bySubset = new Dictionary<string, AccuracyCount>();
        var order = new List<string>();
        for (int i = 0; i < scores.Count; i++)
        {
            AccuracyCount item = Count(scores[i]);
            all = Sum(all, item);
            if (data.Items[i].Subset is not { } subset) continue;
            if (!bySubset.TryGetValue(subset, out AccuracyCount before)) order.Add(subset);
            bySubset[subset] = Sum(before, item);
        }
        return new EvaluationResult(all, [.. order.Select(subset => new SubsetAccuracy(subset, bySubset[subset]))], Benchmark(data, scores));
    }

    private static BenchmarkScore? Benchmark(PreferenceSet data, IReadOnlyList<ItemScores> scores) => data.Format switch
    {
        "rewardbench" => RewardBench1Rule.Score(data.Items, scores),
        "rewardbench-2" => RewardBench2Rule.Score(data, scores),
        "truthfulqa-csv" or "truthfulqa-mc" => TruthfulQaMc1Rule.Score(scores),
        _ => null,
    };

    private static AccuracyCount Count(ItemScores item)
    {
        // Sorted, since an item may have very many answers.
        float[] rejected = [.. item.Rejected.Order()];
        long correct = item.Chosen.Sum(chosen => (long)Below(rejected, chosen));
        return new AccuracyCount(correct, (long)item.Chosen.Count * item.Rejected.Count);
    }

    // How many of the sorted scores are strictly lower.
    private static int Below(float[] sorted, float score)
    {
        int low = 0, high = sorted.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (sorted[middle] < score) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    private static AccuracyCount Sum(AccuracyCount a, AccuracyCount b) => new(a.Correct + b.Correct, a.Total + b.Total);

    private static void Check(IReadOnlyList<PreferenceItem> items, IReadOnlyList<ItemScores> scores)
    {
        if (scores.Count != items.Count) throw new ArgumentException($"{scores.Count} scores were given for {items.Count} items", nameof(scores));
        for (int i = 0; i < scores.Count; i++)
        {
            if (scores[i].Chosen.Count != items[i].Chosen.Count || scores[i].Rejected.Count != items[i].Rejected.Count)
                throw new ArgumentException($"item {i} has another number of answers than of scores", nameof(scores));
            if (!scores[i].Chosen.Concat(scores[i].Rejected).All(float.IsFinite))
                throw new ArgumentException($"a score of item {i} is not finite", nameof(scores));
        }
    }
}
