namespace SparseRM.Text.Bpe;

/// <summary>One symbol of a text under merging: characters or bytes [Start, End), its id (-1: not in the vocabulary), links to its
/// neighbours.</summary>
internal struct Symbol
{
    /// <summary>First character or byte.</summary>
    public int Start;

    /// <summary>One past the last character or byte; equal to Start once the symbol has been merged away.</summary>
    public int End;

    /// <summary>Vocabulary id, -1 for unknown.</summary>
    public int Id;

    /// <summary>A user-defined piece: never merged.</summary>
    public bool Frozen;

    /// <summary>Index of the neighbour to the left, -1 at the start.</summary>
    public int Previous;

    /// <summary>Index of the neighbour to the right, -1 at the end.</summary>
    public int Next;
}

/// <summary>Tells which two neighbours merge, how early, and into what.</summary>
internal interface IMergeRule
{
    /// <summary>Whether the neighbours merge; the lowest rank goes first.</summary>
    bool TryMerge(in Symbol left, in Symbol right, out int rank, out int id);
}

/// <summary>Byte-pair merging: always the pair of lowest rank, the leftmost among equals, until none is left. O(n log n).</summary>
internal static class PairMerger
{
    /// <summary>Merges in place; walk the result from index 0 along <see cref="Symbol.Next"/>.</summary>
    public static void Merge<TRule>(Span<Symbol> symbols, TRule rule) where TRule : IMergeRule
    {
        var queue = new PriorityQueue<Candidate, (int Rank, int Left)>();
        for (int i = 0; i < symbols.Length; i++)
        {
            symbols[i].Previous = i - 1;
            symbols[i].Next = i + 1 < symbols.Length ? i + 1 : -1;
        }
        for (int i = 0; i + 1 < symbols.Length; i++) Enqueue(symbols, i, rule, queue);
        while (queue.TryDequeue(out var candidate, out var priority))
        {
            ref var left = ref symbols[priority.Left];
            // A stale candidate: one of its two symbols has since been merged. Ends only grow and starts stay, so equal ends mean the same symbols.
            if (left.Start == left.End || left.End != candidate.Middle || left.Next < 0
                || symbols[left.Next].End != candidate.End) continue;
            ref var right = ref symbols[left.Next];
            left.End = right.End;
            left.Id = candidate.Id;
            right.End = right.Start;
            left.Next = right.Next;
            if (left.Next >= 0) symbols[left.Next].Previous = priority.Left;
            if (left.Previous >= 0) Enqueue(symbols, left.Previous, rule, queue);
            Enqueue(symbols, priority.Left, rule, queue);
        }
    }

    private static void Enqueue<TRule>(Span<Symbol> symbols, int left, TRule rule, PriorityQueue<Candidate, (int Rank, int Left)> queue)
        where TRule : IMergeRule
    {
        int right = symbols[left].Next;
        if (right < 0 || symbols[left].Frozen || symbols[right].Frozen) return;
        if (rule.TryMerge(symbols[left], symbols[right], out int rank, out int id))
            queue.Enqueue(new Candidate(symbols[left].End, symbols[right].End, id), (rank, left));
    }

    private readonly record struct Candidate(int Middle, int End, int Id);
}
