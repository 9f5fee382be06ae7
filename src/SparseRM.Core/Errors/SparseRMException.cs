namespace SparseRM.Errors;

/// <summary>Base of every error that bad input or a bad environment can cause; the message is one sentence that says what to do.</summary>
/// <remarks>
/// Messages carry names out of files, so control characters in them are written as escapes, here, for every error.
/// A wrong argument from a caller's own code is an <see cref="ArgumentException"/> instead.
/// </remarks>
public class SparseRMException : Exception
{
    /// <summary>Creates the error with its sentence.</summary>
    public SparseRMException(string message) : base(PlainText.Escape(message)) { }

    /// <summary>Creates the error with its sentence and its cause.</summary>
    public SparseRMException(string message, Exception inner) : base(PlainText.Escape(message), inner) { }
}
