using System.Globalization;
using SparseRM.Errors;

namespace SparseRM;

/// <summary>The time that a call was allowed is over; it has no result.</summary>
/// <example><code>
/// try { return await scorer.ScoreAsync(prompt, answer, new ScoreOptions { Deadline = TimeSpan.FromSeconds(2) }); }
/// catch (DeadlineException) { return null; }
/// </code></example>
public sealed class DeadlineException : SparseRMException
{
    internal DeadlineException(TimeSpan allowed)
        : base(string.Create(CultureInfo.InvariantCulture, $"no result within {allowed.TotalMilliseconds:0.###} ms, the time that was allowed; allow more, or send less at once"))
    {
    }

    /// <inheritdoc/>
    public override ErrorKind Kind => ErrorKind.Deadline;
}
