namespace SparseRM.Errors;

/// <summary>What sort of thing went wrong: what a C API or a server makes codes of.</summary>
public enum ErrorKind
{
    /// <summary>An option or argument is wrong, or two of them conflict.</summary>
    Usage,
    /// <summary>A text, dialogue, row or file of data is not what its format asks for.</summary>
    Data,
    /// <summary>A model, SAE, tokenizer, template or reward file cannot be represented faithfully, or is corrupt.</summary>
    Model,
    /// <summary>Two things that belong to different models were put together.</summary>
    Mismatch,
    /// <summary>A state or score is NaN or infinite.</summary>
    Numeric,
    /// <summary>A backend or device is not available, failed, or has no memory left.</summary>
    Device,
    /// <summary>Too much waits already: try again later.</summary>
    Full,
    /// <summary>The time that was allowed is over.</summary>
    Deadline,
    /// <summary>The caller gave up.</summary>
    Cancelled,
    /// <summary>What was called is disposed.</summary>
    Closed,
    /// <summary>A fault of this library.</summary>
    Internal,
}
