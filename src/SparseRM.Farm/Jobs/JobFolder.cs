using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Parts;

namespace SparseRM.Farm.Jobs;

/// <summary>Takes stock of a job's folder before the job begins.</summary>
internal static class JobFolder
{
    /// <summary>The state of a new job, and by what means the folder's parts were computed.</summary>
    /// <param name="spec">The job.</param>
    /// <param name="audited">Of an audit: what is computed again.</param>
    /// <returns>The fingerprint is null where the folder has no card yet.</returns>
    /// <remarks>Parts count as done where their hash and the hash of their rows' text are right, for which both are read; damaged ones are removed, to be made again.</remarks>
    /// <exception cref="SparseRMException">The folder has parts of another input, in another format, of another text, by different means or of overlapping rows.</exception>
    /// <exception cref="IOException">The folder cannot be read or written.</exception>
    public static (LedgerState State, string[]? Fingerprint) Begin(JobSpec spec, FreeRange[] audited)
    {
        var format = PartFormats.Parse(spec.Format);
        var card = PartCard.Read(spec.Output);
        card?.RequireInput(spec.Output, spec.Input, format);
        string[]? fingerprint = card is null ? null : [.. card.Fingerprint.Values];
        if (spec.IsAudit) return (new LedgerState { Next = spec.Rows, Free = [.. audited] }, fingerprint);
        var parts = Directory.Exists(spec.Output) ? PartFolder.Parts(spec.Output) : [];
        if (parts.Count == 0) return (JobLedger.Begin(spec, []), fingerprint);
        if (card is null) throw new SparseRMException(ErrorKind.Mismatch, $"{spec.Output}: has parts but no card scores.json that says of what they are; choose another folder");
        // Overlaps are refused before anything is read or removed.
        JobLedger.Begin(spec, parts);
        PartManifest?[] manifests = [.. parts.Select(rows => PartFolder.ManifestFor(spec.Output, rows))];
        string[] texts = RowText.Sha256(RowFile.Open(spec.Input, spec.Output), parts);
        for (int i = 0; i < parts.Count; i++) RequireSame(spec, card, parts[i], manifests[i], texts[i]);
        var whole = new List<RowRange>();
        long bad = 0, refused = 0;
        for (int i = 0; i < parts.Count; i++)
        {
            if (manifests[i] is not { } part || part.Rows != parts[i] || !PartFolder.IsWhole(spec.Output, format, part))
            {
                PartFolder.Remove(spec.Output, format, parts[i]);
                continue;
            }
            whole.Add(parts[i]);
            bad += part.BadCount;
            refused += part.Refused is null ? 0 : 1;
        }
        var state = JobLedger.Begin(spec, whole);
        (state.BadRows, state.RefusedShards) = (bad, refused);
        return (state, fingerprint);
    }

    private static void RequireSame(JobSpec spec, PartCard card, RowRange rows, PartManifest? part, string text)
    {
        if (part is null || part.Rows != rows) return;
        if (part.InputSha256 != text)
            throw new SparseRMException(ErrorKind.Mismatch, $"{spec.Output}: {part.Output} was made of another text of rows {rows} than {spec.Input} has; choose another folder for another input");
        if (card.Fingerprint.DifferenceFrom(part.Fingerprint) is { } difference)
            throw new SparseRMException(ErrorKind.Mismatch, $"{spec.Output}: {part.Output} was computed by other means than scores.json says ({difference}); remove it with its manifest, or choose another folder");
    }
}
