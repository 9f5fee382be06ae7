using SparseRM.Data.Containers;

namespace SparseRM.Data.Formats;

/// <summary>One layout of preference data.</summary>
/// <param name="Name">The name that users type and read.</param>
/// <param name="Columns">Its columns, for the sentence that lists what is supported.</param>
/// <param name="Matches">Whether a row looks like this format.</param>
/// <param name="Read">Makes the item; throws what <see cref="DataRow.Refuse"/> gives.</param>
internal sealed record PreferenceFormat(
    string Name,
    string Columns,
    Func<DataRow, bool> Matches,
    Func<DataRow, PreferenceReadOptions, PreferenceItem> Read)
{
    /// <summary>True where a prompt column exists, so that an empty prompt is an error.</summary>
    public bool HasPrompt { get; init; } = true;

    /// <summary>Which of the row's two answers is preferred, and the column that says so (null: their order); null where they are called chosen and rejected, or are many.</summary>
    public Func<DataRow, (bool First, string? Column)>? Verdict { get; init; }

    /// <summary>False where one row holds one answer, so that rows of a prompt must be gathered.</summary>
    public bool IsPaired { get; init; } = true;
}
