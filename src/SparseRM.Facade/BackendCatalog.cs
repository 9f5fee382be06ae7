using SparseRM.Backends;
using SparseRM.Backends.Reference;
using SparseRM.Errors;
using SparseRM.Interop;
using SparseRM.Interop.Cuda;

namespace SparseRM;

/// <summary>A backend by name, and whether this machine has it.</summary>
/// <param name="Name">What <c>--backend</c> takes.</param>
/// <param name="Available">Whether it opens here.</param>
/// <param name="Note">What it is, or why it does not open.</param>
public sealed record BackendEntry(string Name, bool Available, string Note);

/// <summary>The backends that this build has. Registered by hand: nothing is scanned for.</summary>
public static class BackendCatalog
{
    private static readonly (string Name, Func<int, Backend> Open)[] s_all =
    [
        ("cpu", NativeBackend.Open),
        ("reference", _ => new ReferenceBackend()),
        ("cuda", _ => CudaBackend.Open()),
    ];

    /// <summary>Names that <see cref="Open"/> takes.</summary>
    public static IReadOnlyList<string> Names => ["auto", .. s_all.Select(backend => backend.Name)];

    /// <summary>Opens a backend.</summary>
    /// <param name="name">A name of <see cref="Names"/>; <c>auto</c> takes the fastest that opens.</param>
    /// <param name="threads">Threads to use; 0 for all cores.</param>
    /// <exception cref="BackendException">Unknown, or it does not open on this machine: never replaced by another in silence.</exception>
    public static Backend Open(string name = "auto", int threads = 0)
    {
        if (name.StartsWith("cuda:")) return CudaBackend.Open(name);
        string wanted = name == "auto" ? s_all[0].Name : name;
        foreach (var (candidate, open) in s_all)
            if (candidate == wanted) return open(threads);
        throw new BackendException(name, $"there is no such backend in this build; it has {string.Join(", ", Names)}");
    }

    /// <summary>Tries every backend.</summary>
    public static IReadOnlyList<BackendEntry> Probe() => [.. s_all.Select(backend =>
    {
        try
        {
            using var opened = backend.Open(0);
            return new BackendEntry(backend.Name, true, opened.Description);
        }
        catch (SparseRMException e)
        {
            return new BackendEntry(backend.Name, false, e.Message);
        }
    })];
}
