using System.Globalization;

namespace SparseRM.Research.Robustness;

/// <summary>The one sentence under the tables.</summary>
internal static class RobustnessSummary
{
    /// <summary>What costs most, and which loss stands most.</summary>
    public static string Of(IReadOnlyList<RobustnessRow> rows)
    {
        var changed = rows.Where(row => row.Change is not null && row.TestedOn == "test pairs" && row.Study != "learned elsewhere").ToArray();
        if (changed.Length == 0) return "No condition could be run.";
        var worst = changed.MinBy(row => row.Change!.Value.Value)!;
        var losses = changed.GroupBy(row => row.Loss).Select(loss => (loss.Key, Mean: loss.Average(row => row.Change!.Value.Value))).ToArray();
        var best = losses.MaxBy(loss => loss.Mean);
        string share = worst.Share is { } part ? string.Create(CultureInfo.InvariantCulture, $" ({100 * part:0.#} %)") : "";
        int clear = changed.Count(row => row.Change!.Value.High < 0);
        string sentence = $"On the test pairs {worst.Study}, {worst.Condition}{share}, costs most: {Points(worst.Change!.Value.Value)} points with the loss {worst.Loss} "
            + $"(95 % interval {Points(worst.Change.Value.Low)} to {Points(worst.Change.Value.High)}); {clear} of {changed.Length} conditions cost accuracy with an interval that leaves out 0";
        return losses.Length == 1 ? sentence + "." : sentence + $"; over all of them the loss {best.Key} loses least ({Points(best.Mean)} points on average).";
    }

    /// <summary>A difference in percentage points.</summary>
    public static string Points(double share) => (100 * share).ToString("+0.0;-0.0;0.0", CultureInfo.InvariantCulture);
}
