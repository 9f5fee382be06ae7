using System.Diagnostics;
using SparseRM.Errors;

namespace SparseRM.Fuzz;

/// <summary>What is wrong with the reading of one input; none where it was read, or refused in one sentence.</summary>
/// <param name="Key">Equal for faults of one place, so that each is kept once.</param>
/// <param name="Problem">What happened.</param>
internal sealed record Verdict(string Key, string Problem)
{
    /// <summary>Longest time for one input.</summary>
    public static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(15);

    /// <summary>Most bytes that one input may have allocated.</summary>
    public const long MaxAllocated = 2L << 30;

    /// <summary>Reads an input and judges it.</summary>
    public static Verdict? Of(Action read)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();
        var fault = Fault(read);
        if (fault is not null) return fault;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        if (allocated > MaxAllocated) return new Verdict("memory", $"allocated {allocated >> 20} MB, at most {MaxAllocated >> 20} MB are right");
        return watch.Elapsed > MaxTime ? new Verdict("time", $"took {watch.Elapsed.TotalSeconds:F1} s, at most {MaxTime.TotalSeconds} s are right") : null;
    }

    private static Verdict? Fault(Action read)
    {
        try
        {
            read();
            return null;
        }
        catch (SparseRMException error)
        {
            return Bad(error.Message) is { } problem ? new Verdict($"message {Place(error)}", $"{problem}: {error.Message}") : null;
        }
        catch (Exception error)
        {
            return new Verdict($"{error.GetType().Name} {Place(error)}", $"{error.GetType().Name}: {error.Message}\n{error.StackTrace}");
        }
    }

    private static string? Bad(string message)
    {
        if (message.Trim().Length == 0) return "the refusal says nothing";
        return message.Any(char.IsControl) ? "the refusal has control characters or more than one line" : null;
    }

    // The innermost of our own methods that the error passed.
    private static string Place(Exception error)
    {
        var frame = new StackTrace(error).GetFrames().FirstOrDefault(frame =>
            frame.GetMethod()?.DeclaringType?.Namespace?.StartsWith("SparseRM", StringComparison.Ordinal) ?? false);
        return frame?.GetMethod() is { } method ? $"{method.DeclaringType!.Name}.{method.Name}" : "elsewhere";
    }
}
