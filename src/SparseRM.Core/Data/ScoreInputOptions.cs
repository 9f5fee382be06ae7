namespace SparseRM.Data;

/// <summary>How lines that are to be scored are read.</summary>
public sealed record ScoreInputOptions
{
    /// <summary>Whether a text, or the last message of a dialogue, may be empty: there is nothing to score then, but there are tokens.</summary>
    public bool AllowEmpty { get; init; }

    /// <summary>Whether a dialogue may end with a message that is not the assistant's: there is no answer to score then, but there are tokens.</summary>
    public bool AllowAnyEnd { get; init; }

    /// <summary>Give a bad line as a <see cref="BadInput"/> and go on, where the default is to end with its error.</summary>
    public bool KeepBad { get; init; }
}
