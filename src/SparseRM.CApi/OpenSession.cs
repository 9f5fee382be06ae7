namespace SparseRM.CApi;

/// <summary>A session whose calls take turns, with the scorer that it was opened on.</summary>
internal sealed class OpenSession(ScoringSession session, bool hasPrompt) : IDisposable
{
    private readonly Lock _gate = new();

    /// <summary>Runs a call when it is its turn.</summary>
    public T Use<T>(Func<ScoringSession, T> call)
    {
        lock (_gate) return call(session);
    }

    /// <summary>Makes a text the answer.</summary>
    /// <exception cref="CallException">The session was opened with ids.</exception>
    public void SetAnswer(string answer)
    {
        if (!hasPrompt) throw new CallException(Status.Usage, "the session was opened with token ids; append ids to it");
        lock (_gate) session.SetAnswer(answer);
    }

    /// <summary>A session with the same text.</summary>
    public OpenSession Fork() => Use(open => new OpenSession(open.Fork(), hasPrompt));

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();
}
