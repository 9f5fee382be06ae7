namespace SparseRM.Data;

/// <summary>Which of PKU-SafeRLHF's two judgements says what is chosen; they often disagree.</summary>
public enum PreferenceDimension
{
    /// <summary><c>better_response_id</c>: the more helpful answer.</summary>
    Better,

    /// <summary><c>safer_response_id</c>: the safer answer.</summary>
    Safer,
}

/// <summary>How a preference file is read.</summary>
public sealed record PreferenceReadOptions
{
    internal static readonly IReadOnlyDictionary<string, string> NoColumns = new Dictionary<string, string>();

    /// <summary>Names for <see cref="Columns"/>.</summary>
    public static IReadOnlyList<string> ColumnNames { get; } =
        ["prompt", "system", "history", "chosen", "rejected", "completion", "label", "subset", "id", "tools", "documents", "chat_template_kwargs"];

    /// <summary>One of <see cref="PreferenceFile.FormatNames"/>; null: recognised by the columns.</summary>
    public string? Format { get; init; }

    /// <summary>
    /// Columns of the file by our names (<see cref="ColumnNames"/>), for files that call them otherwise: prompt = Q, chosen = A.
    /// Where the prompt is named, other columns that might hold it are passed over.
    /// </summary>
    public IReadOnlyDictionary<string, string> Columns { get; init; } = NoColumns;

    /// <summary>Which split of a folder or of a JSON document with several is read (train, test, ..); null: the only one.</summary>
    public string? Split { get; init; }

    /// <summary>For PKU-SafeRLHF; ignored elsewhere.</summary>
    public PreferenceDimension Dimension { get; init; } = PreferenceDimension.Better;

    /// <summary>Count bad lines and go on (<see cref="PreferenceSet.Skipped"/>) where the default is to refuse the file at the first one.</summary>
    public bool SkipBad { get; init; }

    /// <summary>Stop after this many items; null: read all.</summary>
    public int? Limit { get; init; }
}
