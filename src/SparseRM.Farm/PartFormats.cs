using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Farm;

/// <summary>Names of the formats of parts, as jobs keep them.</summary>
public static class PartFormats
{
    /// <summary>Name of a format.</summary>
    public static string Name(RowFormat format) => format switch
    {
        RowFormat.Parquet => "parquet",
        RowFormat.GzipJsonLines => "jsonl.gz",
        _ => "jsonl",
    };

    /// <summary>The format of a name.</summary>
    /// <exception cref="SparseRMException">There is no such format.</exception>
    public static RowFormat Parse(string name) => Enum.GetValues<RowFormat>().Where(format => Name(format) == name).Select(format => (RowFormat?)format).FirstOrDefault()
        ?? throw new SparseRMException($"there is no format '{name}' of parts");
}
