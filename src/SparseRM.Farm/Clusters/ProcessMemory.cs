using System.Collections.Concurrent;
using System.Globalization;
using Orleans.Serialization;
using Orleans.Storage;

namespace SparseRM.Farm.Clusters;

/// <summary>Keeps the state of grains in this process. Thread-safe.</summary>
/// <remarks>
/// For grains that live nowhere else (<see cref="FirstSiloPlacement"/>). Orleans' own memory is in grains again, of which those end that a silo which died has listed,
/// wherever they live: a job was gone with any silo.
/// </remarks>
internal sealed class ProcessMemory(Serializer serializer) : IGrainStorage
{
    private readonly ConcurrentDictionary<(string Name, GrainId Grain), Kept> _kept = [];
    private long _writes;

    /// <inheritdoc/>
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        bool isThere = _kept.TryGetValue((stateName, grainId), out var kept);
        grainState.State = isThere ? serializer.Deserialize<T>(kept!.State) : Activator.CreateInstance<T>();
        (grainState.ETag, grainState.RecordExists) = (kept?.ETag, isThere);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    /// <exception cref="InconsistentStateException">Another activation has written since this one read.</exception>
    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var next = new Kept(serializer.SerializeToArray(grainState.State), Interlocked.Increment(ref _writes).ToString(CultureInfo.InvariantCulture));
        var key = (stateName, grainId);
        bool isWritten = !_kept.TryGetValue(key, out var before) ? grainState.ETag is null && _kept.TryAdd(key, next)
            : before.ETag == grainState.ETag && _kept.TryUpdate(key, next, before);
        if (!isWritten) throw new InconsistentStateException($"the state of {grainId} was written by another activation", before?.ETag, grainState.ETag);
        (grainState.ETag, grainState.RecordExists) = (next.ETag, true);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        _kept.TryRemove((stateName, grainId), out _);
        (grainState.State, grainState.ETag, grainState.RecordExists) = (Activator.CreateInstance<T>(), null, false);
        return Task.CompletedTask;
    }

    private sealed record Kept(byte[] State, string ETag);
}
