using System.Globalization;
using System.Security.Cryptography;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Interop;
using SparseRM.Weights;

namespace SparseRM.Parts;

/// <summary>A folder with the parts of one input, each beside its manifest: <c>rows-START-END.jsonl</c> and <c>rows-START-END.manifest.json</c>.</summary>
/// <remarks>
/// A card in it, <c>scores.json</c>, says of which input and by what they are; it is made with the first part, and whoever would write other bytes is refused. A part
/// is complete when its manifest is there: data gets its name first, then the manifest, each flushed to the disk before.
/// </remarks>
/// <example><code>
/// var folder = PartFolder.Open("scores", input, RowFormat.JsonLines, fingerprint);
/// folder.RequireNoOverlap(new RowRange(0, 1000));
/// </code></example>
public sealed class PartFolder
{
    private const string ManifestEnding = ".manifest.json";
    private readonly RowFormat _format;
    private readonly string _input;
    private readonly PartCard _card;

    private PartFolder(string path, string input, PartCard card) => (Path, _input, _card, _format) = (path, input, card, card.Format);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>What computes the scores here.</summary>
    public ScoringFingerprint Fingerprint => _card.Fingerprint;

    /// <summary>Refuses a path where no folder can be.</summary>
    /// <exception cref="SparseRMException">It is a file, or the folder above it does not exist.</exception>
    public static void RequirePlace(string path)
    {
        if (File.Exists(path)) throw new SparseRMException($"{path}: is a file; name a folder for the parts");
        if (!Directory.Exists(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))))
            throw new SparseRMException($"{path}: cannot be made: the folder above it does not exist");
    }

    /// <summary>Opens a folder for one input and one way to compute, and makes it where its parent is there.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="input">What is scored.</param>
    /// <param name="format">How parts are laid out.</param>
    /// <param name="fingerprint">What computes.</param>
    /// <exception cref="SparseRMException">The folder has parts of another input, or by other means; or it cannot be written.</exception>
    public static PartFolder Open(string path, RowFile input, RowFormat format, ScoringFingerprint fingerprint)
    {
        RequirePlace(path);
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SparseRMException($"{path}: cannot be made ({error.Message.TrimEnd('.')}); choose another place", error);
        }
        var folder = new PartFolder(path, input.Path, PartCard.For(input.Path, format, fingerprint));
        if (PartCard.Read(path) is { } card) folder.RequireSame(card);
        return folder;
    }

    /// <summary>The complete part of some rows, if there is one that would be written the same again.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="inputSha256">See <see cref="PartManifest.InputSha256"/>; asked for only where there is a part.</param>
    /// <returns>Null where there is none, or its data is gone or damaged.</returns>
    /// <exception cref="SparseRMException">There is one of other rows' text, or by other means.</exception>
    public PartManifest? Find(RowRange rows, Func<string> inputSha256)
    {
        string path = ManifestOf(Path, rows, "");
        if (PartManifest.Read(path) is not { } found) return null;
        if (Fingerprint.DifferenceFrom(found.Fingerprint) is { } difference) throw Other(path, difference);
        if (found.InputSha256 != inputSha256())
            throw new SparseRMException(ErrorKind.Mismatch, $"{path}: its part was made of another text of rows {rows}; choose another folder for another input");
        return IsWhole(found) ? found : null;
    }

    /// <summary>Whether the data of a part is there and has the hash that its manifest names.</summary>
    public bool IsWhole(PartManifest part) => IsWhole(Path, _format, part);

    /// <summary>Whether the data of a part of a folder is there and has the hash that its manifest names.</summary>
    public static bool IsWhole(string folder, RowFormat format, PartManifest part) =>
        Name(folder, part.Rows, "") + PartWriter.EndingOf(format) is var data && File.Exists(data) && Sha256(data) == part.OutputSha256;

    /// <summary>Whether the part of a draft's rows holds what the draft does: the same lines, of parquet the same values in every column.</summary>
    public bool HasContentOf(PartDraft draft)
    {
        try
        {
            return PartContent.Sha256(DataOf(Path, draft.Manifest.Rows, ""), _format) == PartContent.Sha256(draft.Path, _format);
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>Insists that no part has some of these rows but not all of them, and no part more than them.</summary>
    /// <exception cref="SparseRMException">There is one, so a row would be there twice.</exception>
    public void RequireNoOverlap(RowRange rows)
    {
        foreach (var part in Parts(Path))
        {
            if (part != rows && part.Start < rows.End && rows.Start < part.End)
                throw new SparseRMException(ErrorKind.Mismatch, $"{Path}: has the part of rows {part}, which overlaps rows {rows}; name ranges that do not overlap, or choose another folder");
        }
    }

    /// <summary>Gives a draft its name, its manifest last.</summary>
    /// <exception cref="SparseRMException">The folder cannot be written, or has a part that overlaps it.</exception>
    public void Publish(PartDraft draft)
    {
        RequireNoOverlap(draft.Manifest.Rows);
        PlaceUnderCard(draft, Path, "");
    }

    /// <summary>Removes a part, its manifest first.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Remove(string folder, RowFormat format, RowRange rows)
    {
        File.Delete(ManifestOf(folder, rows, ""));
        FolderSync.Flush(folder);
        File.Delete(Name(folder, rows, "") + PartWriter.EndingOf(format));
    }

    /// <summary>Keeps a draft aside under a lease's own name, for whoever holds the right to <see cref="PublishStaged"/>.</summary>
    /// <exception cref="SparseRMException">The folder cannot be written.</exception>
    public void Stage(PartDraft draft, string lease)
    {
        PlaceUnderCard(draft, StagingFolder.Of(Path), "." + lease);
    }

    /// <summary>Removes what a lease staged and nobody will publish.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Unstage(string folder, RowFormat format, RowRange rows, string lease)
    {
        string name = Name(StagingFolder.Of(folder), rows, "." + lease);
        StagingFolder.Remove(name + ManifestEnding);
        StagingFolder.Remove(name + PartWriter.EndingOf(format));
    }

    /// <summary>Gives parts that leases staged their names; may be done again by anybody, whatever became of an attempt before.</summary>
    /// <param name="folder">The folder of the parts.</param>
    /// <param name="format">Their format.</param>
    /// <param name="parts">Rows, and the lease that staged them.</param>
    /// <returns>For each whether these rows have a published part now, whoever made it: one that was published before counts, since its lease's files are gone.</returns>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static IReadOnlyList<bool> PublishStaged(string folder, RowFormat format, IReadOnlyList<(RowRange Rows, string Lease)> parts)
    {
        string staging = StagingFolder.Of(folder), kind = PartWriter.EndingOf(format);
        foreach (var (rows, lease) in parts)
        {
            string data = Name(staging, rows, "." + lease) + kind;
            if (File.Exists(ManifestOf(staging, rows, "." + lease)) && File.Exists(data)) File.Move(data, Name(folder, rows, "") + kind, overwrite: true);
        }
        FolderSync.Flush(folder);
        var published = new bool[parts.Count];
        for (int i = 0; i < parts.Count; i++)
        {
            string manifest = ManifestOf(staging, parts[i].Rows, "." + parts[i].Lease), final = ManifestOf(folder, parts[i].Rows, "");
            if (File.Exists(manifest)) File.Move(manifest, final, overwrite: true);
            published[i] = File.Exists(final);
        }
        FolderSync.Flush(folder);
        return published;
    }

    /// <summary>The rows of every complete part, rising.</summary>
    public static IReadOnlyList<RowRange> Parts(string folder) =>
        [.. Directory.EnumerateFiles(folder, "rows-*" + ManifestEnding).Select(RowsOf).OfType<RowRange>().Order(Comparer<RowRange>.Create((a, b) => a.Start.CompareTo(b.Start)))];

    /// <summary>How parts of a folder are laid out.</summary>
    /// <exception cref="SparseRMException">The folder has no card.</exception>
    public static RowFormat FormatOf(string folder) => PartCard.Read(folder)?.Format
        ?? throw new SparseRMException($"{PartCard.PathIn(folder)}: is no card of a folder of scores; name a folder that score --rows or farm submit wrote");

    /// <summary>What is said beside the part of some rows; null where there is none.</summary>
    public static PartManifest? ManifestFor(string folder, RowRange rows) => PartManifest.Read(ManifestOf(folder, rows, ""));

    /// <summary>Removes what leases staged and was not published; drafts of others who write here stay.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void RemoveStaged(string folder) => StagingFolder.RemoveStaged(folder);

    internal RowFormat Format => _format;

    internal string InputName => _card.Input;

    /// <summary>Name of the part of some rows.</summary>
    internal string PartName(RowRange rows) => System.IO.Path.GetFileName(DataOf(Path, rows, ""));

    internal static string Sha256(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    /// <summary>Gives a draft its name beside the card. Where it gets no place, a card that was made for it goes again: it would keep others out of an empty folder.</summary>
    private void PlaceUnderCard(PartDraft draft, string folder, string ending)
    {
        bool isNew = KeepCard();
        try
        {
            Guard(() => Place(draft, folder, ending));
        }
        catch
        {
            if (isNew) TakeBack(DataOf(folder, draft.Manifest.Rows, ending));
            throw;
        }
        KeepCard(); // whoever made it may have failed since, and taken it away
    }

    /// <summary>Removes the card, and data that got no manifest, unless there is a part, published or staged.</summary>
    private void TakeBack(string data)
    {
        try
        {
            string[] folders = [Path, StagingFolder.Of(Path)];
            if (folders.Any(folder => Directory.Exists(folder) && Directory.EnumerateFiles(folder, "rows-*" + ManifestEnding).Any())) return;
            File.Delete(PartCard.PathIn(Path));
            if (File.Exists(data)) File.Delete(data);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report.
        }
    }

    /// <summary>Makes the card where there is none, or insists that another's says the same.</summary>
    /// <returns>Whether this call made it.</returns>
    private bool KeepCard()
    {
        bool isNew = AtomicFile.WriteNew(PartCard.PathIn(Path), _card.WriteTo);
        if (isNew) FolderSync.Flush(Path);
        RequireSame(PartCard.Read(Path) ?? throw new SparseRMException($"{PartCard.PathIn(Path)}: is gone; begin again, or choose another folder"));
        return isNew;
    }

    private void RequireSame(PartCard card)
    {
        card.RequireInput(Path, _input, _format);
        if (Fingerprint.DifferenceFrom(card.Fingerprint) is { } difference) throw Other(Path, difference);
    }

    private void Place(PartDraft draft, string folder, string ending)
    {
        var rows = draft.Manifest.Rows;
        Directory.CreateDirectory(folder);
        File.Move(draft.Path, DataOf(folder, rows, ending), overwrite: true);
        FolderSync.Flush(folder);
        AtomicFile.Write(ManifestOf(folder, rows, ending), draft.Manifest.WriteTo);
        FolderSync.Flush(folder);
    }

    private string DataOf(string folder, RowRange rows, string ending) => Name(folder, rows, ending) + PartWriter.EndingOf(_format);

    private static string ManifestOf(string folder, RowRange rows, string ending) => Name(folder, rows, ending) + ManifestEnding;

    // Twelve digits, so that the order of names is the order of rows.
    private static string Name(string folder, RowRange rows, string ending) =>
        System.IO.Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"rows-{rows.Start:D12}-{rows.End:D12}{ending}"));

    private static RowRange? RowsOf(string manifest) =>
        System.IO.Path.GetFileName(manifest)[..^ManifestEnding.Length].Split('-') is [_, var start, var end]
            && long.TryParse(start, NumberStyles.None, CultureInfo.InvariantCulture, out long first) && long.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out long last)
            ? new RowRange(first, last) : null;

    private void Guard(Action write)
    {
        try
        {
            write();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SparseRMException($"{Path}: a part cannot be written ({error.Message.TrimEnd('.')}); free space or choose another place", error);
        }
    }

    private static SparseRMException Other(string path, string difference) =>
        new(ErrorKind.Mismatch, $"{path}: has parts that were computed by other means ({difference}), whose bytes may differ; choose another folder, or the same means");
}
