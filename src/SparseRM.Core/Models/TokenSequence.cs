namespace SparseRM.Models;

/// <summary>One sequence to run and the positions to read out.</summary>
/// <param name="Ids">Token ids, at least one.</param>
/// <param name="ReadStart">First position whose state is wanted.</param>
/// <param name="ReadEnd">One past the last.</param>
public readonly record struct TokenSequence(ReadOnlyMemory<int> Ids, int ReadStart, int ReadEnd)
{
    private static readonly Comparer<TokenSequence> s_byIds =
        Comparer<TokenSequence>.Create((a, b) => a.Ids.Span.SequenceCompareTo(b.Ids.Span));

    /// <summary>Number of rows that this sequence reads out.</summary>
    public int ReadCount => ReadEnd - ReadStart;

    /// <summary>Sorts sequences and their numbers by tokens: those with a common beginning become neighbours. Allocates nothing.</summary>
    internal static void SortByIds(Span<TokenSequence> sequences, Span<int> numbers) => sequences.Sort(numbers, s_byIds);
}
