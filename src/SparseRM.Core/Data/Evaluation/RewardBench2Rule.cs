using SparseRM.Errors;

namespace SparseRM.Data.Evaluation;

/// <summary>RewardBench 2 (rewardbench/utils.py reroll_and_score_dataset, _compute_prompt_stats, process_single_model).</summary>
internal static class RewardBench2Rule
{
    private const string Ties = "ties";

    /// <summary>One number a subset; overall = their plain mean, as on the leaderboard.</summary>
    public static BenchmarkScore Score(PreferenceSet data, IReadOnlyList<ItemScores> scores)
    {
        var parts = new List<BenchmarkPart>();
        foreach (var subset in data.Items.Zip(scores).GroupBy(pair => pair.First.Subset!))
        {
            double score = subset.Key.Equals(Ties, StringComparison.OrdinalIgnoreCase)
                ? TiesScore(data.Path, subset)
                : subset.Average(pair => BestOf(pair.Second));
            parts.Add(new BenchmarkPart(subset.Key, score, subset.Count()));
        }
        return new BenchmarkScore("RewardBench 2: mean of the subsets", parts.Average(part => part.Score), parts);
    }

    /// <summary>1 / (number of answers that share the maximum) where the first answer attains it, else 0.</summary>
    private static double BestOf(ItemScores item)
    {
        float[] all = [.. item.Chosen, .. item.Rejected];
        float most = all.Max();
        return all[0] == most ? 1.0 / all.Count(score => score == most) : 0.0;
    }

    /// <summary>
    /// 0.30 tied accuracy + 0.30 ref accuracy + 0.20 preferred + 0.20 preferred hard + 0.01 margin, the last three over prompts that
    /// have both a <c>ref:n</c> and a <c>tied:n</c> item. margin = mean tanh(min(gap_ref, gap_tied) / spread - 1), 0 where it is 0 / 0.
    /// </summary>
    private static double TiesScore(string path, IEnumerable<(PreferenceItem Item, ItemScores Scores)> items)
    {
        var refs = new Dictionary<int, (double Gap, double Spread)>();
        var tied = new Dictionary<int, (double Gap, double Spread)>();
        foreach ((PreferenceItem item, ItemScores scores) in items)
        {
            string[] id = (item.Id ?? "").Split(':');
            if (id is not ["ref" or "tied", _] || !int.TryParse(id[1], out int prompt))
                throw new DataFormatException(path, item.Line, $"an item of the Ties subset needs an id like ref:7 or tied:7, found '{item.Id}'");
            // The gap of the worst correct answer over the best incorrect one; the spread of the correct ones.
            double worst = scores.Chosen.Min();
            if (!(id[0] == "ref" ? refs : tied).TryAdd(prompt, (worst - scores.Rejected.Max(), scores.Chosen.Max() - worst)))
                throw new DataFormatException(path, item.Line, $"the id '{item.Id}' occurs twice in the Ties subset");
        }
        var both = tied.Where(entry => refs.ContainsKey(entry.Key))
            .Select(entry => (entry.Value.Spread, Tied: entry.Value.Gap, Least: Math.Min(entry.Value.Gap, refs[entry.Key].Gap))).ToList();
        return (0.30 * Share(tied.Values, entry => entry.Gap > 0)) + (0.30 * Share(refs.Values, entry => entry.Gap > 0))
            + (0.20 * Share(both, prompt => prompt.Tied > prompt.Spread)) + (0.20 * Share(both, prompt => prompt.Least > prompt.Spread))
            + (0.01 * both.Select(prompt => Margin(prompt.Least, prompt.Spread)).DefaultIfEmpty(0).Average());
    }

    private static double Margin(double gap, double spread) => Math.Tanh((gap / spread) - 1) is var margin && double.IsNaN(margin) ? 0 : margin;

    private static double Share<T>(IReadOnlyCollection<T> all, Func<T, bool> holds) => all.Count == 0 ? 0 : (double)all.Count(holds) / all.Count;
}
