namespace SparseRM.Server;

/// <summary>How much one request may ask for.</summary>
public sealed record ServerLimits
{
    /// <summary>Bytes of a body; a larger one is refused without being read.</summary>
    public long BodyBytes { get; init; } = 16L << 20;

    /// <summary>Bytes of the bodies of all requests that are read or answered; one beyond them is told to come again, unless it is alone.</summary>
    public long HeldBodyBytes { get; init; } = 512L << 20;

    /// <summary>Inputs of a request.</summary>
    public int Items { get; init; } = 4096;

    /// <summary>Texts of a request that are explained: an explanation reads the states of all tokens.</summary>
    public int Explained { get; init; } = 64;

    /// <summary>Levels of nesting of a body.</summary>
    public int Nesting { get; init; } = 64;

    /// <summary>Bytes of all headers of a request.</summary>
    public int HeaderBytes { get; init; } = 32 << 10;

    /// <summary>Headers of a request.</summary>
    internal const int HeaderCount = 100;

    /// <summary>How long a client may take over its headers; its body must come at 240 bytes a second.</summary>
    public TimeSpan Headers { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a request may take, where it does not say less itself.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>How long requests that were accepted may go on after the server was told to stop.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Results that ROLL has not fetched yet; the oldest finished ones go first.</summary>
    public int PendingResults { get; init; } = 1 << 16;
}
