using SparseRM.Errors;

namespace SparseRM.CApi;

/// <summary>What every function returns: <c>srm_status</c> of the header.</summary>
internal enum Status
{
    Ok = 0,
    Usage = 1,
    Data = 2,
    Model = 3,
    Mismatch = 4,
    Numeric = 5,
    Device = 6,
    Full = 7,
    Deadline = 8,
    Cancelled = 9,
    Closed = 10,
    Internal = 11,
    Handle = 12,
    Struct = 13,
    Buffer = 14,
}

/// <summary>A call that is refused at the boundary.</summary>
internal sealed class CallException(Status status, string message) : Exception(message)
{
    public Status Status { get; } = status;
}

/// <summary>Statuses and sentences of exceptions.</summary>
internal static class Statuses
{
    /// <summary>The status that tells a caller what sort of failure this is.</summary>
    public static Status Of(Exception error) => error is CallException call ? call.Status : IsOutOfMemory(error) ? Status.Device : SparseRMException.KindOf(error) switch
    {
        ErrorKind.Usage => Status.Usage,
        ErrorKind.Data => Status.Data,
        ErrorKind.Model => Status.Model,
        ErrorKind.Mismatch => Status.Mismatch,
        ErrorKind.Numeric => Status.Numeric,
        ErrorKind.Device => Status.Device,
        ErrorKind.Full => Status.Full,
        ErrorKind.Deadline => Status.Deadline,
        ErrorKind.Cancelled => Status.Cancelled,
        ErrorKind.Closed => Status.Closed,
        _ => Status.Internal,
    };

    /// <summary>One sentence for people. What is not made for them (a fault of this library) names its exception.</summary>
    public static string Sentence(Exception error) => Of(error) switch
    {
        Status.Internal => $"a fault in sparserm: {error.GetType().Name}: {PlainText.Escape(error.Message)}",
        Status.Closed => "what was called is closed",
        Status.Cancelled => "the call was cancelled",
        Status.Device when IsOutOfMemory(error) => "out of memory; send less at once, or open a smaller model",
        _ => PlainText.Escape(error.Message),
    };

    // What a class was to begin with stays unmade where memory was short then; each use of it says so again.
    private static bool IsOutOfMemory(Exception error) => error is OutOfMemoryException || (error is TypeInitializationException && error.GetBaseException() is OutOfMemoryException);
}
