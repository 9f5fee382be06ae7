using System.Runtime.CompilerServices;

namespace SparseRM.Text.Jinja;

/// <summary>What one render may spend, so that a hostile template ends: work (nodes, elements, characters) and bytes.</summary>
/// <remarks>Both grow with the input, so that a long dialogue is never refused for its length. Bytes are counted as they are allocated and
/// are not given back: a bound on them bounds what is held. A refusal depends on template and input alone, never on the machine's speed.</remarks>
internal sealed class JinjaBudget
{
    /// <summary>Characters that count as one unit of work where they are copied or searched.</summary>
    private const int CharactersPerUnit = 64;
    private const long BaseWork = 1_500_000, BaseBytes = 48L << 20, MostBytes = 768L << 20, MostWork = 12_000_000;
    private const int BetweenLooks = 4096, Deepest = 400;
    // So many levels take less of the stack than what counts as sufficient.
    private const int BetweenStackLooks = 8;
    private readonly CancellationToken _cancellation;
    private readonly long _work, _bytes;
    private long _workLeft, _bytesLeft;
    private int _untilLook, _depth;

    /// <summary>A budget for an input of so many characters and JSON values.</summary>
    public JinjaBudget(long characters, long values, CancellationToken cancellation)
    {
        _cancellation = cancellation;
        _work = Math.Min(BaseWork + 2000 * values + 4 * characters, Math.Max(MostWork, characters));
        _bytes = Math.Min(BaseBytes + 512 * characters, Math.Max(MostBytes, 64 * characters));
        (_workLeft, _bytesLeft) = (_work, _bytes);
    }

    /// <summary>Pays for work before it is done: one unit for a node that is evaluated or an element that is touched.</summary>
    public void Spend(long work)
    {
        work = Math.Max(work, 0);
        if (work > _workLeft) throw new JinjaException(
            $"the render takes more than {_work:N0} units of work (expressions, elements, blocks of characters); simplify the template");
        _workLeft -= work;
        _untilLook -= (int)Math.Min(work, BetweenLooks);
        if (_untilLook > 0) return;
        _untilLook = BetweenLooks;
        _cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Pays for characters before they are read.</summary>
    public void Read(long characters) => Spend(1 + characters / CharactersPerUnit);

    /// <summary>Pays for characters before they are looked at one by one.</summary>
    public void Walk(long characters) => Spend(1 + characters / 8);

    /// <summary>Pays for a text before it is built.</summary>
    public void Build(long characters)
    {
        Hold(64 + 2 * Math.Min(characters, long.MaxValue / 4));
        Read(characters);
    }

    /// <summary>Pays for bytes before they are allocated.</summary>
    public void Hold(long bytes)
    {
        if (bytes > _bytesLeft) throw new JinjaException($"the render builds more than {_bytes >> 20:N0} MiB of texts and lists; simplify the template");
        _bytesLeft -= Math.Max(bytes, 0);
    }

    /// <summary>Pays for a list of so many items before it is built.</summary>
    public void Items(long count)
    {
        Hold(64 + 40 * Math.Min(count, long.MaxValue / 64));
        Spend(1 + count / 2);
    }

    /// <summary>Enters a level of expressions, blocks, macros or filters.</summary>
    public void Enter()
    {
        if (++_depth > Deepest || (_depth % BetweenStackLooks == 0 && !RuntimeHelpers.TryEnsureSufficientExecutionStack()))
            throw new JinjaException($"goes deeper than {Deepest} levels of expressions, blocks and macros");
    }

    /// <summary>Leaves a level.</summary>
    public void Leave() => _depth--;
}
