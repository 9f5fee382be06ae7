using SparseRM.Parts;

namespace SparseRM.Farm.Workers;

/// <summary>Compares a part with the same rows computed again.</summary>
internal static class PartAudit
{
    /// <summary>How the part that is there differs, in one sentence; null where its file holds the same and its manifest says so.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="there">Its manifest; null where it is gone.</param>
    /// <param name="again">Its rows computed again, or refused again for the same reason where the part says that they were given up.</param>
    public static string? Difference(PartFolder folder, PartManifest? there, PartDraft again)
    {
        var own = again.Manifest;
        if (there is null) return $"rows {own.Rows}: the part's manifest is gone";
        if (there.Rows != own.Rows) return $"{there.Output}: the manifest for rows {own.Rows} is of rows {there.Rows}";
        if (!folder.IsWhole(there)) return $"{there.Output}: the file is not the one that its manifest names: it is gone or its hash is another";
        if (there.InputSha256 != own.InputSha256) return $"{there.Output}: was made of another text of these rows";
        if (!folder.HasContentOf(again))
        {
            return there.Refused is null ? $"{there.Output}: computed again its rows have other lines than it holds"
                : $"{there.Output}: holds other lines than the errors of rows that were given up, as its manifest says";
        }
        bool isSaid = there.LinesSha256 == own.LinesSha256 && there.Scores == own.Scores && there.Truncated == own.Truncated && there.Bad.SequenceEqual(own.Bad);
        return isSaid ? null : $"{there.Output}: its lines are right, but its manifest's hash or counts of them are not";
    }
}
