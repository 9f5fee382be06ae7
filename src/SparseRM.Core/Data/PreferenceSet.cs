using SparseRM.Text;

namespace SparseRM.Data;

/// <summary>What a preference file held.</summary>
/// <param name="Path">The file as it was given; "-" is standard input.</param>
/// <param name="Format">Name of the format, one of <see cref="PreferenceFile.FormatNames"/>.</param>
/// <param name="Container"><c>jsonl</c>, <c>json</c>, <c>csv</c> or <c>parquet</c>.</param>
/// <param name="Items">The items in file order; at least one.</param>
/// <param name="Skipped">Bad rows that were left out; none unless <see cref="PreferenceReadOptions.SkipBad"/> was set.</param>
/// <param name="DataHash">SHA-256 of the file's bytes as they lie on disk (a .gz is hashed packed), lower-case hex.</param>
public sealed record PreferenceSet(
    string Path,
    string Format,
    string Container,
    IReadOnlyList<PreferenceItem> Items,
    SkippedRows Skipped,
    string DataHash);

/// <summary>Bad rows that were counted and left out.</summary>
/// <param name="Count">How many.</param>
/// <param name="FirstReasons">The sentences of the first five.</param>
public sealed record SkippedRows(long Count, IReadOnlyList<string> FirstReasons);
