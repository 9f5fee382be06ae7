using System.Security.Cryptography;
using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Parts;

/// <summary>Hashes of rows as they stand in an input: what <see cref="PartManifest.InputSha256"/> is.</summary>
internal static class RowText
{
    /// <summary>SHA-256 of the text of each range, in one pass over the file from the first range to the last.</summary>
    /// <param name="input">The file.</param>
    /// <param name="ranges">Ranges of rows, rising and without overlaps; rows behind the file's end are not there.</param>
    /// <param name="cancel">Checked at each row.</param>
    /// <exception cref="SparseRMException">The file cannot be read.</exception>
    public static string[] Sha256(RowFile input, IReadOnlyList<RowRange> ranges, CancellationToken cancel = default)
    {
        var hashes = new string[ranges.Count];
        if (ranges.Count == 0) return hashes;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long row = ranges[0].Start;
        int at = 0;
        foreach (var line in input.Read(new RowRange(row, ranges[^1].End), cancel))
        {
            cancel.ThrowIfCancellationRequested();
            if (row++ < ranges[at].Start) continue;
            hash.AppendData(line.Utf8);
            hash.AppendData("\n"u8);
            if (row == ranges[at].End) hashes[at++] = Convert.ToHexStringLower(hash.GetHashAndReset());
        }
        for (; at < hashes.Length; at++) hashes[at] = Convert.ToHexStringLower(hash.GetHashAndReset());
        return hashes;
    }
}
