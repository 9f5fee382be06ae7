using SparseRM.Models;

namespace SparseRM.Engine;

/// <summary>What a session has not computed yet of its text, and the score at its end.</summary>
internal sealed class SessionRequest : ScoreRequest
{
    private readonly SessionMemory _memory;
    private readonly ForwardEngine _engine;
    private readonly int _same;

    private SessionRequest(TokenSequence sequence, AttachedReward reward, SessionMemory memory, int same, ForwardEngine engine) : base([sequence], [0], reward) =>
        (_memory, _same, _engine) = (memory, same, engine);

    /// <summary>One text of a session, which has its first <paramref name="same"/> tokens in common with what the memory holds.</summary>
    public static SessionRequest Of(TokenSequence sequence, AttachedReward reward, SessionMemory memory, int same, ForwardEngine engine, Priority priority) =>
        new(sequence, reward, memory, same, engine) { Priority = priority };

    /// <inheritdoc/>
    public override bool HoldsMemory => true;

    /// <inheritdoc/>
    public override bool MayOverlap => false;

    /// <inheritdoc/>
    public override KeyValuePrefix? Known(int index)
    {
        var (ids, read) = Sequences[0];
        _memory.Prepare(_engine.Cache, _engine.Sessions, ids, _same, read.Start, Layers[^1] + 1);
        return _memory.Known;
    }

    /// <inheritdoc/>
    public override KeyValueRows? Kept(int index) => _memory.Room;

    /// <inheritdoc/>
    public override void Finish(int index)
    {
        if (Errors is null) _memory.Commit();
    }
}
