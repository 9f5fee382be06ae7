using SparseRM.Models;

namespace SparseRM.Engine;

/// <summary>What a session has not computed yet of its text, and the score at its end.</summary>
internal sealed class SessionRequest : ScoreRequest
{
    private readonly SessionMemory _memory;
    private readonly PrefixCache _cache;

    private SessionRequest(TokenSequence sequence, AttachedReward reward, SessionMemory memory, PrefixCache cache) : base([sequence], [0], reward) =>
        (_memory, _cache) = (memory, cache);

    /// <summary>One text of a session.</summary>
    public static SessionRequest Of(TokenSequence sequence, AttachedReward reward, SessionMemory memory, PrefixCache cache, Priority priority) =>
        new(sequence, reward, memory, cache) { Priority = priority };

    /// <inheritdoc/>
    public override KeyValuePrefix? Known(int index)
    {
        var (ids, read) = Sequences[0];
        _memory.Prepare(_cache, ids, read.Start, Layers[^1] + 1);
        return _memory.Known;
    }

    /// <inheritdoc/>
    public override KeyValueRows? Kept(int index) => _memory.Room;
}
