namespace SparseRM.Research.Robustness;

/// <summary>Area under the curve of a detector.</summary>
internal static class Auroc
{
    /// <summary>Chance that a positive has a lower value than another; a tie counts as half. NaN where one of the kinds is missing.</summary>
    /// <param name="values">Lower is more suspect.</param>
    /// <param name="positive">What is to be found.</param>
    public static double Of(double[] values, bool[] positive)
    {
        // Mann and Whitney: by mean ranks.
        int[] order = [.. Enumerable.Range(0, values.Length).OrderBy(i => values[i])];
        double ranks = 0;
        for (int start = 0; start < order.Length;)
        {
            int end = start;
            while (end < order.Length && values[order[end]] == values[order[start]]) end++;
            for (int i = start; i < end; i++)
                if (positive[order[i]]) ranks += (start + end + 1) / 2.0;
            start = end;
        }
        double found = positive.Count(one => one), others = positive.Length - found;
        return 1 - ((ranks - (found * (found + 1) / 2)) / (found * others));
    }
}
