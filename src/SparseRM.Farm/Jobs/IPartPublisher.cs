using SparseRM.Data;
using SparseRM.Parts;

namespace SparseRM.Farm.Jobs;

/// <summary>Gives accepted parts their names.</summary>
internal interface IPartPublisher
{
    /// <summary>Names parts; may be done again.</summary>
    /// <returns>For each whether it is there.</returns>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    IReadOnlyList<bool> Publish(JobSpec spec, IReadOnlyList<AcceptedPart> parts);

    /// <summary>Clears away what was staged and not accepted.</summary>
    void Finish(JobSpec spec);
}

/// <summary>The folders of jobs.</summary>
internal sealed class FolderPublisher : IPartPublisher
{
    public IReadOnlyList<bool> Publish(JobSpec spec, IReadOnlyList<AcceptedPart> parts) =>
        PartFolder.PublishStaged(spec.Output, PartFormats.Parse(spec.Format), [.. parts.Select(part => (new RowRange(part.Start, part.End), $"{part.Lease}"))]);

    public void Finish(JobSpec spec)
    {
        try
        {
            PartFolder.RemoveStaged(spec.Output);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A worker that was given up may be writing there; what it leaves is read by nobody.
        }
    }
}
