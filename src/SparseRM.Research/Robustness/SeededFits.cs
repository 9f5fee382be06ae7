using System.Collections.Concurrent;
using SparseRM.Errors;

namespace SparseRM.Research.Robustness;

/// <summary>Fits side by side; each writes to a place of its own, so the result is the same on any number of threads.</summary>
internal static class SeededFits
{
    /// <summary>Runs them, the first ones first.</summary>
    /// <param name="count">How many.</param>
    /// <param name="threads">At once.</param>
    /// <param name="cancel">Checked before each.</param>
    /// <param name="fit">Told its number.</param>
    /// <exception cref="SparseRMException">A fit failed: the first that did.</exception>
    public static void Run(int count, int threads, CancellationToken cancel, Action<int> fit)
    {
        try
        {
            var order = Partitioner.Create(Enumerable.Range(0, count), EnumerablePartitionerOptions.NoBuffering);
            Parallel.ForEach(order, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancel }, fit);
        }
        catch (AggregateException error) when (error.InnerExceptions.OfType<SparseRMException>().FirstOrDefault() is { } first)
        {
            throw first;
        }
    }
}
