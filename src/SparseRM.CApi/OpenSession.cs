namespace SparseRM.CApi;

/// <summary>A session whose calls take turns. It and its forks keep the reward model that it was opened on, whose handle may be closed before.</summary>
internal sealed class OpenSession : IDisposable
{
    private readonly Lock _gate = new();
    private readonly ScoringSession _session;
    private readonly bool _hasPrompt;
    private readonly KeptReward _reward;

    private OpenSession(ScoringSession session, bool hasPrompt, KeptReward reward) => (_session, _hasPrompt, _reward) = (session, hasPrompt, reward);

    /// <summary>Opens one.</summary>
    /// <param name="reward">The handle of the reward model.</param>
    /// <param name="open">Makes the session.</param>
    /// <param name="hasPrompt">Whether it answers a prompt of messages.</param>
    public static OpenSession On(nint reward, Func<RewardScorer, ScoringSession> open, bool hasPrompt)
    {
        var kept = new KeptReward(Library.Handles.Borrow<RewardScorer>(reward));
        try
        {
            return new OpenSession(open(kept.Scorer), hasPrompt, kept);
        }
        catch
        {
            kept.Release();
            throw;
        }
    }

    /// <summary>Runs a call when it is its turn.</summary>
    public T Use<T>(Func<ScoringSession, T> call)
    {
        lock (_gate) return call(_session);
    }

    /// <summary>Adds ids to the text.</summary>
    /// <exception cref="CallException">The session was opened with messages: their answer is a text, whose end the chat template writes.</exception>
    public void Append(int[] ids)
    {
        if (_hasPrompt) throw new CallException(Status.Usage, "the session was opened with a prompt of messages; set its whole answer as a text");
        lock (_gate) _session.Append(ids);
    }

    /// <summary>Makes a text the answer.</summary>
    /// <exception cref="CallException">The session was opened with ids.</exception>
    public void SetAnswer(string answer)
    {
        if (!_hasPrompt) throw new CallException(Status.Usage, "the session was opened with token ids; append ids to it");
        lock (_gate) _session.SetAnswer(answer);
    }

    /// <summary>A session with the same text.</summary>
    public OpenSession Fork() => Use(open =>
    {
        var fork = new OpenSession(open.Fork(), _hasPrompt, _reward);
        _reward.Keep();
        return fork;
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Dispose();
        _reward.Release();
    }

    /// <summary>A loan that is over with the last session that keeps it.</summary>
    private sealed class KeptReward(HandleTable.Loan<RewardScorer> loan)
    {
        private int _keepers = 1;

        public RewardScorer Scorer => loan.Value;

        public void Keep() => Interlocked.Increment(ref _keepers);

        public void Release()
        {
            if (Interlocked.Decrement(ref _keepers) == 0) loan.Dispose();
        }
    }
}
