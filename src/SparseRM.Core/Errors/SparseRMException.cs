namespace SparseRM.Errors;

/// <summary>Base of every error that bad input or a bad environment can cause; the message is one sentence that says what to do.</summary>
/// <remarks>
/// Messages carry names out of files, so control characters in them are written as escapes, here, for every error.
/// A wrong argument from a caller's own code is an <see cref="ArgumentException"/> instead.
/// </remarks>
public class SparseRMException : Exception
{
    private readonly ErrorKind _kind = ErrorKind.Data;

    /// <summary>Creates the error with its sentence.</summary>
    public SparseRMException(string message) : base(PlainText.Escape(message)) { }

    /// <summary>Creates the error with its sentence and its cause.</summary>
    public SparseRMException(string message, Exception inner) : base(PlainText.Escape(message), inner) { }

    /// <summary>Creates the error with its sentence and its kind.</summary>
    public SparseRMException(ErrorKind kind, string message) : base(PlainText.Escape(message)) => _kind = kind;

    /// <summary>What sort of error it is.</summary>
    public virtual ErrorKind Kind => _kind;

    /// <summary>The kind of any exception: of foreign ones that a caller can cause, else <see cref="ErrorKind.Internal"/>.</summary>
    public static ErrorKind KindOf(Exception exception) => exception switch
    {
        SparseRMException own => own.Kind,
        OperationCanceledException => ErrorKind.Cancelled,
        ObjectDisposedException => ErrorKind.Closed,
        OutOfMemoryException => ErrorKind.Device,
        ArgumentException => ErrorKind.Usage,
        IOException or UnauthorizedAccessException => ErrorKind.Data,
        _ => ErrorKind.Internal,
    };
}
