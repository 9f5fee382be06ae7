using SparseRM.Data;
using SparseRM.Parts;

namespace SparseRM.Farm.Workers;

/// <summary>Compares a part with the same rows computed again.</summary>
internal static class PartAudit
{
    /// <summary>How the part that is there differs, in one sentence; null where it has the same bytes.</summary>
    public static string? Difference(PartFolder folder, RowRange rows, PartManifest again)
    {
        if (PartFolder.ManifestFor(folder.Path, rows) is not { } there) return $"rows {rows}: the part's manifest is gone";
        if (!folder.IsWhole(there)) return $"{there.Output}: the file is not the one that its manifest names: it is gone or its hash is another";
        if (there.InputSha256 != again.InputSha256) return $"{there.Output}: was made of another text of these rows";
        // Rows that were given up have no scores to compare.
        if (there.Refused is not null || there.LinesSha256 == again.LinesSha256) return null;
        return $"{there.Output}: computed again its lines have the hash {again.LinesSha256}, not {there.LinesSha256}";
    }
}
