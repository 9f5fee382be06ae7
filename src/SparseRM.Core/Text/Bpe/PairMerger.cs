namespace SparseRM.Text.Bpe;

/// <summary>One symbol of a text under merging: characters [Start, End), its id (-1: not in the vocabulary), links to its neighbours.</summary>
internal struct Symbol
{
    /// <summary>First character.</summary>
    public int Start;

    /// <summary>One past the last character; equal to Start once the symbol has been merged away.</summary>
    public int End;

    /// <summary>Vocabulary id, -1 for unknown.</summary>
    public int Id;

    /// <summary>Index of the neighbour to the left, -1 at the start.</summary>
    public int Previous;

    /// <summary>Index of the neighbour to the right, -1 at the end.</summary>
    public int Next;

    /// <summary>Rank of the merge with the neighbour to the right, <see cref="int.MaxValue"/> for none. Kept for short texts only.</summary>
    public int Rank;

    /// <summary>What that merge makes.</summary>
    public int MergedId;
}

/// <summary>Tells which two neighbours merge, how early, and into what.</summary>
internal interface IMergeRule
{
    /// <summary>Whether the neighbours merge; the lowest rank goes first.</summary>
    bool TryMerge(in Symbol left, in Symbol right, out int rank, out int id);
}

/// <summary>Byte-pair merging: always the pair of lowest rank, the leftmost among equals, until none is left.</summary>
/// <remarks>Short texts, nearly all of them, are scanned for the lowest rank, which allocates nothing; longer ones take a queue, O(n log n).</remarks>
internal static class PairMerger
{
    private const int Short = 64;

    /// <summary>Merges in place; walk the result from index 0 along <see cref="Symbol.Next"/>.</summary>
    public static void Merge<TRule>(Span<Symbol> symbols, TRule rule) where TRule : IMergeRule, allows ref struct
    {
        for (int i = 0; i < symbols.Length; i++)
        {
            symbols[i].Previous = i - 1;
            symbols[i].Next = i + 1 < symbols.Length ? i + 1 : -1;
        }
        if (symbols.Length <= Short) MergeShort(symbols, rule);
        else MergeLong(symbols, rule);
    }

    private static void MergeShort<TRule>(Span<Symbol> symbols, TRule rule) where TRule : IMergeRule, allows ref struct
    {
        for (int i = 0; i < symbols.Length; i++) Rate(symbols, i, rule);
        while (true)
        {
            int best = 0;
            for (int i = symbols[0].Next; i >= 0; i = symbols[i].Next)
                if (symbols[i].Rank < symbols[best].Rank) best = i;
            if (symbols[best].Rank == int.MaxValue) return;
            Join(symbols, best, symbols[best].MergedId);
            Rate(symbols, best, rule);
            if (symbols[best].Previous >= 0) Rate(symbols, symbols[best].Previous, rule);
        }
    }

    private static void Rate<TRule>(Span<Symbol> symbols, int left, TRule rule) where TRule : IMergeRule, allows ref struct
    {
        ref var symbol = ref symbols[left];
        if (symbol.Next < 0 || !rule.TryMerge(symbol, symbols[symbol.Next], out symbol.Rank, out symbol.MergedId)) symbol.Rank = int.MaxValue;
    }

    private static void MergeLong<TRule>(Span<Symbol> symbols, TRule rule) where TRule : IMergeRule, allows ref struct
    {
        var queue = new PriorityQueue<Candidate, (int Rank, int Left)>();
        for (int i = 0; i + 1 < symbols.Length; i++) Enqueue(symbols, i, rule, queue);
        while (queue.TryDequeue(out var candidate, out var priority))
        {
            ref var left = ref symbols[priority.Left];
            // A stale candidate: one of its two symbols has since been merged. Ends only grow and starts stay, so equal ends mean the same symbols.
            if (left.Start == left.End || left.End != candidate.Middle || left.Next < 0
                || symbols[left.Next].End != candidate.End) continue;
            Join(symbols, priority.Left, candidate.Id);
            if (left.Previous >= 0) Enqueue(symbols, left.Previous, rule, queue);
            Enqueue(symbols, priority.Left, rule, queue);
        }
    }

    private static void Join(Span<Symbol> symbols, int index, int id)
    {
        ref var left = ref symbols[index];
        ref var right = ref symbols[left.Next];
        (left.End, left.Id) = (right.End, id);
        right.End = right.Start;
        left.Next = right.Next;
        if (left.Next >= 0) symbols[left.Next].Previous = index;
    }

    private static void Enqueue<TRule>(Span<Symbol> symbols, int left, TRule rule, PriorityQueue<Candidate, (int Rank, int Left)> queue)
        where TRule : IMergeRule, allows ref struct
    {
        int right = symbols[left].Next;
        if (right >= 0 && rule.TryMerge(symbols[left], symbols[right], out int rank, out int id))
            queue.Enqueue(new Candidate(symbols[left].End, symbols[right].End, id), (rank, left));
    }

    private readonly record struct Candidate(int Middle, int End, int Id);
}
