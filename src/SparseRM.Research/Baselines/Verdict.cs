using System.Globalization;

namespace SparseRM.Research.Baselines;

/// <summary>The one sentence under the table.</summary>
internal static class Verdict
{
    /// <summary>Whether the directions beat the dense probe.</summary>
    /// <param name="regime">The regime that the sentence begins with.</param>
    /// <param name="probe">The dense probe's name.</param>
    /// <param name="directions">The directions' accuracy there.</param>
    /// <param name="dense">The dense probe's.</param>
    /// <param name="difference">Directions less dense probe, by regime.</param>
    /// <param name="pairs">Test pairs there.</param>
    public static string Of(string regime, string probe, double directions, double dense, IReadOnlyList<(string Regime, Interval Difference)> difference, int pairs)
    {
        var here = difference.First(entry => entry.Regime == regime).Difference;
        string claim = here.Low > 0 ? "The directions beat the dense probe here" : here.High < 0 ? "The dense probe beats the directions here"
            : "That the directions beat the dense probe cannot be shown here";
        string sentence = $"{claim}: {Percent(directions)} against {Percent(dense)} ({probe}) of {pairs.ToString("N0", CultureInfo.InvariantCulture)} test pairs under the regime {regime}, "
            + $"a difference of {Points(here.Value)} points (95 % interval {Points(here.Low)} to {Points(here.High)})";
        var rest = difference.Where(entry => entry.Regime != regime).ToArray();
        if (rest.Length == 0) return sentence + ".";
        string[] ahead = Named(rest, entry => entry.Low > 0), behind = Named(rest, entry => entry.High < 0);
        string[] parts =
        [
            .. ahead.Length > 0 ? new[] { $"ahead under {string.Join(", ", ahead)}" } : [],
            .. behind.Length > 0 ? new[] { $"behind under {string.Join(", ", behind)}" } : [],
        ];
        return sentence + (parts.Length == 0
            ? "; under no other regime is there a difference whose interval leaves out 0."
            : $"; elsewhere they are {string.Join(" and ", parts)}, and no other difference leaves out 0.");
    }

    private static string[] Named((string Regime, Interval Difference)[] rest, Func<Interval, bool> holds) =>
        [.. rest.Where(entry => holds(entry.Difference)).Select(entry => $"{entry.Regime} ({Points(entry.Difference.Value)})")];

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";

    private static string Points(double share) => (100 * share).ToString("+0.0;-0.0;0.0", CultureInfo.InvariantCulture);
}
