using SparseRM.Backends;
using SparseRM.Backends.Reference;
using SparseRM.Errors;
using SparseRM.Interop;

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
    ];

    /// <summary>Names that <see cref="Open"/> takes.</summary>
    public static IReadOnlyList<string> Names => ["auto", .. s_all.Select(backend => backend.Name)];

    /// <summary>Opens a backend.</summary>
    /// <param name="name">A name of <see cref="Names"/>; <c>auto</c> takes the fastest that opens.</param>
    /// <param name="threads">Threads to use; 0 for all cores.</param>
    /// <param name="variants">Which variant computes an op; the backend's own choice for the others, or where this is null.</param>
    /// <exception cref="BackendException">
    /// Unknown, or it does not open on this machine: never replaced by another in silence; or it has no such variant, or cannot run it.
    /// </exception>
    public static Backend Open(string name = "auto", int threads = 0, IReadOnlyDictionary<OpKind, string>? variants = null)
    {
        string wanted = name == "auto" ? s_all[0].Name : name;
        foreach (var (candidate, open) in s_all)
            if (candidate == wanted) return WithVariants(open(threads), variants);
        throw new BackendException(name, $"there is no such backend in this build; it has {string.Join(", ", Names)}");
    }

    private static Backend WithVariants(Backend backend, IReadOnlyDictionary<OpKind, string>? variants)
    {
        try
        {
            foreach (var (op, variant) in variants ?? new Dictionary<OpKind, string>()) backend.Select(op, variant);
            return backend;
        }
        catch
        {
            backend.Dispose();
            throw;
        }
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
