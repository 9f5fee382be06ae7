using SparseRM.Farm.Jobs;

namespace SparseRM.Farm.Simulation;

/// <summary>Counts parts instead of renaming files, each once.</summary>
internal sealed class CountedNames : IPartPublisher
{
    private System.Collections.BitArray _seen = new(0);
    private long _count;

    /// <summary>Parts that were named.</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>Parts that were named again.</summary>
    public long Twice { get; private set; }

    public IReadOnlyList<bool> Publish(JobSpec spec, IReadOnlyList<AcceptedPart> parts)
    {
        if (_seen.Length == 0) _seen = new((int)spec.Rows);
        foreach (var part in parts)
        {
            if (_seen[(int)part.Start]) Twice++;
            else Interlocked.Increment(ref _count);
            _seen[(int)part.Start] = true;
        }
        return [.. parts.Select(_ => true)];
    }

    public void Finish(JobSpec spec) { }
}
