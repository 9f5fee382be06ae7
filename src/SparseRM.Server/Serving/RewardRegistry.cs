using System.Diagnostics;
using SparseRM.Errors;
using SparseRM.Server.Faults;

namespace SparseRM.Server.Serving;

/// <summary>The reward models by name, and how they are replaced while requests run. Thread-safe.</summary>
internal sealed class RewardRegistry : IDisposable
{
    private readonly BackboneOptions _options;
    private readonly IReadOnlyList<NamedReward> _named;
    private readonly Dictionary<string, int> _byName = new(StringComparer.Ordinal);
    private readonly ServedReward?[] _served;
    private readonly PreparedRewards _prepared;
    private readonly string?[] _faults;
    private Task _probe = Task.CompletedTask;
    private long _probed;
    private int _version;

    /// <summary>Takes the names; nothing is read yet.</summary>
    public RewardRegistry(ServerOptions options)
    {
        (_options, _named) = (options.Backbone, options.Rewards);
        (_served, _prepared, _faults) = (new ServedReward?[_named.Count], new PreparedRewards(_named.Count), new string?[_named.Count]);
        for (int i = 0; i < _named.Count; i++) _byName[_named[i].Name] = i;
        // Clients of one model know it by the model's name.
        _byName.TryAdd(options.Backbone.Model, 0);
        _byName.TryAdd(Path.GetFileName(Path.TrimEndingDirectorySeparator(options.Backbone.Model)), 0);
    }

    /// <summary>All that are served, in the order of the options.</summary>
    public IReadOnlyList<ServedReward> All => [.. _served.OfType<ServedReward>()];

    /// <summary>How often a reward model took another one's place.</summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>Why a reward model's known answers were wrong when last asked; empty where all are right.</summary>
    public IReadOnlyList<string> Faults => [.. _faults.OfType<string>()];

    /// <summary>Opens all.</summary>
    /// <exception cref="SparseRMException">One cannot be served.</exception>
    public async Task OpenAsync(CancellationToken cancel)
    {
        for (int i = 0; i < _named.Count; i++) _served[i] = await ServedReward.OpenAsync(_named[i], _options, cancel).ConfigureAwait(false);
    }

    /// <summary>The reward model of a name, for one request, which releases it.</summary>
    /// <exception cref="Fault">There is none of that name.</exception>
    public ServedReward Use(string? name)
    {
        int index = 0;
        if (name is { Length: > 0 } && !_byName.TryGetValue(name, out index))
            throw new Fault(FaultKind.NoModel, $"the model `{name}` does not exist; known are {string.Join(", ", _named.Select(named => named.Name))}", "model");
        while (true)
        {
            var served = Volatile.Read(ref _served[index]) ?? throw new Fault(FaultKind.Unavailable, "the server is about to stop; ask another one, or again later");
            if (served.TryUse()) return served;
        }
    }

    /// <summary>Reads reward files again. Each new one is checked before it takes the old one's place; where that fails, the old one stays. One reload waits for another.</summary>
    /// <param name="name">Which; null for all.</param>
    /// <param name="cancel">Gives up what is not done.</param>
    /// <returns>What became of each.</returns>
    public async Task<IReadOnlyList<ReloadResult>> ReloadAsync(string? name, CancellationToken cancel)
    {
        string reload = Guid.NewGuid().ToString("N");
        try
        {
            var prepared = await PrepareAsync(reload, name, null, cancel).ConfigureAwait(false);
            return [.. prepared.Select(result => result.Problem is null ? Commit(reload, result.Name, result.Fingerprint) : result)];
        }
        finally
        {
            End(reload);
        }
    }

    /// <summary>The first half of a reload: waits until no other one is between its halves, then reads and checks files beside those that are served.</summary>
    /// <param name="reload">Its own name, by which its second half comes, and <see cref="End"/> after that.</param>
    /// <param name="name">Which; null for all.</param>
    /// <param name="ready">What else must be done before a reward model is served; null for nothing.</param>
    /// <param name="cancel">Gives up what is not done.</param>
    /// <returns>For each the new file's fingerprint, or why the old one stays.</returns>
    public async Task<IReadOnlyList<ReloadResult>> PrepareAsync(string reload, string? name, Func<ServedReward, Task>? ready, CancellationToken cancel)
    {
        var names = NamesOf(name);
        await _prepared.BeginAsync(reload, cancel).ConfigureAwait(false);
        try
        {
            var results = new List<ReloadResult>();
            foreach (string one in names) results.Add(await PrepareAsync(_byName[one], ready, cancel).ConfigureAwait(false));
            _prepared.Read();
            return results;
        }
        catch
        {
            End(reload);
            throw;
        }
    }

    /// <summary>The second half: what was prepared takes the old one's place. Requests that run keep theirs. Done once, it may be asked for again.</summary>
    /// <param name="reload">The reload.</param>
    /// <param name="name">Which.</param>
    /// <param name="fingerprint">What was prepared.</param>
    public ReloadResult Commit(string reload, string name, string fingerprint)
    {
        int index = _byName[name];
        if (_prepared.Take(reload, index, fingerprint) is not { } fresh)
            return new ReloadResult(name, FingerprintOf(name), FingerprintOf(name) == fingerprint ? null : "another reload came between; reload again");
        var old = Interlocked.Exchange(ref _served[index], fresh);
        Interlocked.Increment(ref _version);
        _faults[index] = null;
        old?.Release();
        return new ReloadResult(_named[index].Name, fresh.Fingerprint, null);
    }

    /// <summary>Ends a reload: what it prepared and did not commit is let go, and the next one has its turn.</summary>
    public void End(string reload) => _prepared.End(reload);

    /// <summary>The own name of one, or the names of all.</summary>
    /// <exception cref="Fault">There is none of that name.</exception>
    public IReadOnlyList<string> NamesOf(string? name) => name is null ? [.. _named.Select(named => named.Name)]
        : _byName.TryGetValue(name, out int index) ? [_named[index].Name] : throw new Fault(FaultKind.NoModel, $"the model `{name}` does not exist", "model");

    /// <summary>The file that is served under a name.</summary>
    public string FingerprintOf(string name) => _served[_byName[name]]?.Fingerprint ?? "";

    /// <summary>Scores all known answers again, unless that was done within the last second: whoever asks meanwhile shares it.</summary>
    public Task ProbeAsync(CancellationToken cancel)
    {
        lock (_faults)
        {
            if (_probe.IsCompleted && Stopwatch.GetElapsedTime(_probed) > TimeSpan.FromSeconds(1)) (_probed, _probe) = (Stopwatch.GetTimestamp(), ProbeAllAsync());
            return _probe.WaitAsync(cancel);
        }
    }

    private async Task ProbeAllAsync()
    {
        await Task.Yield();
        for (int i = 0; i < _named.Count; i++)
        {
            using var use = new RewardUse(this, _named[i].Name);
            try
            {
                await use.Reward.Probe(CancellationToken.None).ConfigureAwait(false);
                Found(i, use.Reward, null);
            }
            // That the queue is full says nothing of the answers.
            catch (SparseRMException error) when (error.Kind is not (ErrorKind.Full or ErrorKind.Deadline))
            {
                Found(i, use.Reward, error.Message);
            }
        }
    }

    // What was found of a reward model says nothing of the one that has taken its place.
    private void Found(int index, ServedReward reward, string? fault)
    {
        if (ReferenceEquals(Volatile.Read(ref _served[index]), reward)) _faults[index] = fault;
    }

    /// <summary>Gives up all.</summary>
    public void Dispose()
    {
        for (int i = 0; i < _served.Length; i++) Interlocked.Exchange(ref _served[i], null)?.Release();
        _prepared.Dispose();
    }

    private async Task<ReloadResult> PrepareAsync(int index, Func<ServedReward, Task>? ready, CancellationToken cancel)
    {
        var named = _named[index];
        try
        {
            var fresh = await ServedReward.OpenAsync(named, _options, cancel).ConfigureAwait(false);
            try
            {
                if (ready is not null) await ready(fresh).ConfigureAwait(false);
                cancel.ThrowIfCancellationRequested();
            }
            catch
            {
                fresh.Release();
                throw;
            }
            _prepared.Keep(index, fresh);
            return new ReloadResult(named.Name, fresh.Fingerprint, null);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            return new ReloadResult(named.Name, FingerprintOf(named.Name), error is SparseRMException or IOException or UnauthorizedAccessException
                ? error.Message : $"{named.Path}: {error.GetType().Name}: {error.Message}");
        }
    }
}

/// <summary>What a reload did.</summary>
/// <param name="Name">The reward model.</param>
/// <param name="Fingerprint">The file that is served now.</param>
/// <param name="Problem">Why the old one stays, or null where the new one is served.</param>
internal sealed record ReloadResult(string Name, string Fingerprint, string? Problem);

/// <summary>A request's hold of a reward model.</summary>
internal readonly struct RewardUse(RewardRegistry registry, string? name) : IDisposable
{
    /// <summary>The reward model.</summary>
    public ServedReward Reward { get; } = registry.Use(name);

    /// <inheritdoc/>
    public void Dispose() => Reward.Release();
}
