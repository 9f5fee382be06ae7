using SparseRM.Data.Formats;
using SparseRM.Errors;

namespace SparseRM.Data;

/// <summary>What a preference file held.</summary>
/// <param name="Path">The file as it was given; "-" is standard input.</param>
/// <param name="Format">Name of the format, one of <see cref="PreferenceFile.FormatNames"/>; <c>items</c> for <see cref="Of"/>.</param>
/// <param name="Container"><c>jsonl</c>, <c>json</c>, <c>csv</c> or <c>parquet</c>; <c>memory</c> for <see cref="Of"/>.</param>
/// <param name="Items">The items in file order; at least one.</param>
/// <param name="Skipped">Bad rows that were left out; none unless <see cref="PreferenceReadOptions.SkipBad"/> was set.</param>
/// <param name="DataHash">SHA-256 of the file's bytes as they lie on disk (a .gz is hashed packed), lower-case hex; for <see cref="Of"/> that of the items as JSON.</param>
public sealed record PreferenceSet(
    string Path,
    string Format,
    string Container,
    IReadOnlyList<PreferenceItem> Items,
    SkippedRows Skipped,
    string DataHash)
{
    /// <summary>A set made in memory rather than read from a file.</summary>
    /// <param name="items">The items, in order; at least one.</param>
    /// <param name="name">What errors call the set.</param>
    /// <exception cref="DataFormatException">An item has an empty prompt or answer, no answer on one side, or equal answers; it is named by its number from 1.</exception>
    public static PreferenceSet Of(IEnumerable<PreferenceItem> items, string name = "the given items")
    {
        ArgumentNullException.ThrowIfNull(items);
        PreferenceItem[] all = [.. items.Select((item, i) => item with { Line = i + 1 })];
        if (all.Length == 0) throw new DataFormatException(name, 0, "there are none");
        foreach (PreferenceItem item in all)
            if (ItemRules.Problem(item, needsPrompt: true, "every item") is { } problem) throw new DataFormatException(name, item.Line, problem, "item");
        return new PreferenceSet(name, "items", "memory", all, new SkippedRows(0, []), ItemHash.Of(all));
    }
}


/// <summary>Bad rows that were counted and left out.</summary>
/// <param name="Count">How many.</param>
/// <param name="FirstReasons">The sentences of the first five.</param>
public sealed record SkippedRows(long Count, IReadOnlyList<string> FirstReasons)
{
    private const int ReasonsKept = 5;

    // Of FirstReasons; none where they were given without.
    private IReadOnlyList<long> Lines { get; init; } = [];

    /// <summary>These with rows that were left out later; the first are those that come first in the file.</summary>
    /// <param name="others">What was wrong with each of them, in any order.</param>
    public SkippedRows And(IReadOnlyCollection<DataFormatException> others)
    {
        ArgumentNullException.ThrowIfNull(others);
        (long Line, string Reason)[] first =
        [
            .. FirstReasons.Select((reason, i) => (Line: i < Lines.Count ? Lines[i] : 0, Reason: reason)).Concat(others.Select(other => (other.Line, Reason: other.Message)))
                .OrderBy(row => row.Line).Take(ReasonsKept),
        ];
        return new SkippedRows(Count + others.Count, [.. first.Select(row => row.Reason)]) { Lines = [.. first.Select(row => row.Line)] };
    }
}
