namespace SparseRM.Parts;

/// <summary>A part that is written and flushed, under a name that nobody reads.</summary>
/// <example><code>
/// using PartDraft draft = new PartScorer(scorer, options).Score(input, rows, folder);
/// folder.Publish(draft);
/// </code></example>
public sealed class PartDraft : IDisposable
{
    internal PartDraft(string path, PartManifest manifest) => (Path, Manifest) = (path, manifest);

    /// <summary>What it holds.</summary>
    public PartManifest Manifest { get; }

    internal string Path { get; }

    /// <summary>Removes it where it did not get its name.</summary>
    public void Dispose() => StagingFolder.Remove(Path);
}
