using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Research.SaeTraining;

/// <summary>The folder that an SAE is saved in. What was made for it and stays empty is removed.</summary>
internal sealed class OutputFolder : IDisposable
{
    private readonly string _path;
    private bool _isMade;

    /// <summary>Makes it, where it is missing, and sees that a file can be made there.</summary>
    /// <exception cref="SparseRMException">It cannot be, or holds an SAE already.</exception>
    public OutputFolder(string path)
    {
        _path = path;
        string checkpoint = Path.Combine(path, SaeCheckpoint.FileName);
        if (File.Exists(path)) throw new SparseRMException($"{path}: is a file; name a folder for the SAE");
        if (TrainedSae.IsIn(path) && !File.Exists(checkpoint)) throw new SparseRMException($"{path}: holds an SAE already; it is not written over: name another output, or remove it");
        string parent = Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))) ?? "/";
        if (!Directory.Exists(parent)) throw new SparseRMException($"{path}: cannot be written: its folder does not exist; make the folder first");
        try
        {
            _isMade = !Directory.Exists(path);
            Directory.CreateDirectory(path);
            string probe = Path.Combine(path, $".{Guid.NewGuid():N}.tmp");
            AtomicFile.Write(probe, stream => stream.WriteByte(0));
            File.Delete(probe);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or SparseRMException)
        {
            Dispose();
            throw error is SparseRMException ? error : new SparseRMException($"{path}: cannot be written ({error.Message}); choose another place", error);
        }
    }

    /// <summary>Something was written: it stays.</summary>
    public void Keep() => _isMade = false;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isMade && Directory.Exists(_path) && !Directory.EnumerateFileSystemEntries(_path).Any()) Directory.Delete(_path);
    }
}
