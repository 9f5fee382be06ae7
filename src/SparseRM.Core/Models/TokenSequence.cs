namespace SparseRM.Models;

/// <summary>One sequence to run and what is read out of it.</summary>
/// <param name="Ids">Token ids, at least one.</param>
/// <param name="ReadOut">Positions whose states are wanted.</param>
public readonly record struct TokenSequence(ReadOnlyMemory<int> Ids, ReadOut ReadOut)
{
    private static readonly Comparer<TokenSequence> s_byIds =
        Comparer<TokenSequence>.Create((a, b) => a.Ids.Span.SequenceCompareTo(b.Ids.Span));

    /// <summary>Sorts sequences and their numbers by tokens: those with a common beginning become neighbours. Allocates nothing.</summary>
    public static void SortByIds(Span<TokenSequence> sequences, Span<int> numbers) => sequences.Sort(numbers, s_byIds);
}
