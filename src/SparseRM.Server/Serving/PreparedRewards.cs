using System.Diagnostics;

namespace SparseRM.Server.Serving;

/// <summary>Reward models that a reload has read and not yet put into their places. One reload at a time has the turn, from its first file to its end. Thread-safe.</summary>
internal sealed class PreparedRewards(int count) : IDisposable
{
    /// <summary>How long a reload that has read its files may wait before it goes on: whoever asked for it may have died, which must not bar all later ones.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(20);
    private readonly Lock _lock = new();
    private readonly ServedReward?[] _rewards = new ServedReward?[count];
    private string? _reload;
    private long? _readAt;

    /// <summary>Takes the turn, once no other reload has it.</summary>
    /// <param name="reload">A name that no other reload has.</param>
    /// <param name="cancel">Gives up.</param>
    public async Task BeginAsync(string reload, CancellationToken cancel)
    {
        while (!TryBegin(reload)) await Task.Delay(s_poll, cancel).ConfigureAwait(false);
    }

    /// <summary>Keeps a reward model for the reload that has the turn.</summary>
    public void Keep(int index, ServedReward fresh)
    {
        lock (_lock)
        {
            _rewards[index]?.Release();
            _rewards[index] = fresh;
        }
    }

    /// <summary>All files of the reload that has the turn are read, or could not be.</summary>
    public void Read()
    {
        lock (_lock) _readAt = Stopwatch.GetTimestamp();
    }

    /// <summary>Hands out what a reload has read; null where it has not, or lost its turn.</summary>
    public ServedReward? Take(string reload, int index, string fingerprint)
    {
        lock (_lock)
        {
            if (_reload != reload || _rewards[index]?.Fingerprint != fingerprint) return null;
            var fresh = _rewards[index];
            _rewards[index] = null;
            return fresh;
        }
    }

    /// <summary>Ends a reload: what it has read and nobody took is let go.</summary>
    public void End(string reload)
    {
        lock (_lock)
            if (_reload == reload) LetGo();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock) LetGo();
    }

    private bool TryBegin(string reload)
    {
        lock (_lock)
        {
            if (_reload is not null && (_readAt is not { } then || Stopwatch.GetElapsedTime(then) < Patience)) return false;
            LetGo();
            _reload = reload;
            return true;
        }
    }

    private void LetGo()
    {
        for (int i = 0; i < count; i++)
        {
            _rewards[i]?.Release();
            _rewards[i] = null;
        }
        (_reload, _readAt) = (null, null);
    }
}
