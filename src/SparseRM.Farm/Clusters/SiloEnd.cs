using Orleans.Runtime;

namespace SparseRM.Farm.Clusters;

/// <summary>What becomes of a silo that can be a member no longer: it says so once, and whoever started it ends it; without this Orleans would abort the process.</summary>
/// <param name="options">How the silo's machines find each other.</param>
internal sealed class SiloEnd(FarmOptions options) : IFatalErrorHandler
{
    private readonly TaskCompletionSource<string> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends with the reason, in one sentence.</summary>
    public Task<string> Task => _end.Task;

    /// <summary>Ends it.</summary>
    public void Set(string reason) => _end.TrySetResult(reason);

    /// <inheritdoc/>
    public bool IsUnexpected(Exception exception) => true;

    /// <inheritdoc/>
    public void OnFatalException(object? sender, string? context, Exception? exception)
    {
        string why = exception is null ? "" : $" ({exception.GetBaseException().Message.TrimEnd('.')})";
        Set(options.IsInMemory
            ? $"this member's cluster is gone with the first one, which kept it in memory, or takes this one for dead{why}; start it again once a first one is at port {options.Port}"
            : $"the other members take this one for dead, since it was not heard of for half of --lease or longer{why}; start it again");
    }
}
