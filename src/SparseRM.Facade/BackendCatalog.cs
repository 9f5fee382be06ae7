using System.Collections.Immutable;
using SparseRM.Backends;
using SparseRM.Backends.Reference;
using SparseRM.Errors;
using SparseRM.Interop;
using SparseRM.Interop.Cuda;

namespace SparseRM;

/// <summary>A backend by name, and whether this machine has it.</summary>
/// <param name="Name">What <see cref="BackboneOptions.Backend"/> takes.</param>
/// <param name="Available">Whether it opens here.</param>
/// <param name="Note">What it is, or why it does not open.</param>
/// <example><code>foreach (var (name, available, note) in BackendCatalog.Probe()) Console.WriteLine($"{name}: {(available ? "" : "not here, ")}{note}");</code></example>
public sealed record BackendEntry(string Name, bool Available, string Note);

/// <summary>A backend and the ways in which it computes every op.</summary>
/// <param name="Backend">Its name, and whether it opens here.</param>
/// <param name="Ops">Variants of each op, slowest first; where the backend does not open, none is supported or selected.</param>
/// <example><code>
/// BackendKernels kernels = BackendCatalog.Kernels("cpu");
/// Console.WriteLine($"{kernels.Ops[OpKind.MatMul].Count} variants of the product");
/// </code></example>
public sealed record BackendKernels(BackendEntry Backend, IReadOnlyDictionary<OpKind, IReadOnlyList<KernelVariant>> Ops);

/// <summary>A backend, or one that has several devices.</summary>
/// <param name="Names">What <see cref="BackboneOptions.Backend"/> takes and help shows: its name, or <c>family:device</c> for a device or two of it.</param>
/// <param name="Open">Opens the name, which may be another device of the family, with a number of threads (0 for all cores).</param>
/// <param name="Table">An op's variants where no device opens: none of them supported or selected.</param>
/// <example><code>BackendCatalog.Register(new BackendFamily(["mine"], (name, threads) =&gt; new MyBackend(threads), _ =&gt; []));</code></example>
public sealed record BackendFamily(
    IReadOnlyList<string> Names, Func<string, int, Backend> Open, Func<OpKind, IReadOnlyList<KernelVariant>> Table)
{
    /// <summary>Whether the name is one of these, the family's own, or another device of it.</summary>
    public bool Has(string name) => Names.Contains(name) || (Family(Names[0]) is { } family && (name == family || Family(name) == family));

    private static string? Family(string name) => name.IndexOf(':') is > 0 and var colon ? name[..colon] : null;
}

/// <summary>The backends that this program has. Registered by hand: nothing is scanned for.</summary>
/// <example><code>var options = new BackboneOptions { Model = folder, Backend = BackendCatalog.Knows("cuda:0") ? "cuda:0" : "auto" };</code></example>
public static class BackendCatalog
{
    /// <summary>Why a variant that is not <see cref="KernelVariant.BatchInvariant"/> computes nothing that is kept.</summary>
    public const string ForComparison = "is for comparison only (sparserm kernels bench): a row's bits may depend on its batch";

    private static ImmutableArray<BackendFamily> s_all =
    [
        new(["cpu"], (_, threads) => NativeBackend.Open(threads), _ => []),  // its table lies in the library that does not open then
        new(["reference"], (_, _) => new ReferenceBackend(), _ => []),
        new(["cuda:0"], (name, _) => CudaBackend.Open(name), CudaBackend.Table),
    ];

    /// <summary>Why <c>auto</c> takes what it takes, as a sentence about it.</summary>
    public const string AutoReason = "auto takes the processor, since no GPU kernel has run on a GPU yet";

    /// <summary>The backend that <c>auto</c> stands for.</summary>
    public static string Auto => s_all[0].Names[0];

    /// <summary>Names that <see cref="Open"/> takes.</summary>
    public static IReadOnlyList<string> Names => ["auto", .. s_all.SelectMany(family => family.Names)];

    /// <summary>Adds a backend that this library does not know, at the start of a program; <c>auto</c> never takes it.</summary>
    public static void Register(BackendFamily family) => ImmutableInterlocked.Update(ref s_all, (all, added) => all.Add(added), family);

    /// <summary>Whether <see cref="Open"/> knows the name; the device may yet be missing.</summary>
    public static bool Knows(string name) => name == "auto" || s_all.Any(family => family.Has(name));

    /// <summary>Opens a backend.</summary>
    /// <param name="name">A name of <see cref="Names"/>, or another device of such a family; <c>auto</c> is <see cref="Auto"/>.</param>
    /// <param name="threads">Threads to use; 0 for all cores.</param>
    /// <param name="variants">Which variant computes an op; the backend's own choice for the others, or where this is null.</param>
    /// <exception cref="BackendException">
    /// Unknown, or it does not open on this machine: never replaced by another in silence; or it has no such variant, cannot run it, or
    /// has it for comparison only (see <see cref="KernelVariant.BatchInvariant"/>).
    /// </exception>
    public static Backend Open(string name = "auto", int threads = 0, IReadOnlyDictionary<OpKind, string>? variants = null)
    {
        string wanted = name == "auto" ? Auto : name;
        return WithVariants(FamilyOf(wanted).Open(wanted, ThreadsOf(threads)), variants);
    }

    /// <summary>How many threads a number stands for: 0 is one for each processor that this process may use.</summary>
    internal static int ThreadsOf(int threads) => threads == 0 ? Environment.ProcessorCount : threads;

    /// <summary>Whether the name is of a device that works beside the processor, be it there or not.</summary>
    public static bool IsGpu(string name) => name.Split(':').Any(part => part is "cuda" or "opencl");

    private static Backend WithVariants(Backend backend, IReadOnlyDictionary<OpKind, string>? variants)
    {
        try
        {
            foreach (var (op, name) in variants ?? new Dictionary<OpKind, string>())
            {
                if (backend.Variants(op).Any(variant => variant.Name == name && !variant.BatchInvariant))
                    throw new BackendException(backend.Name, $"{op.Name()}={name} {ForComparison}");
                backend.Select(op, name);
            }
            return backend;
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }

    /// <summary>Tries every backend.</summary>
    public static IReadOnlyList<BackendEntry> Probe() =>
        [.. s_all.SelectMany(family => family.Names, (family, name) => Kernels(family, name).Backend)];

    /// <summary>What a backend computes every op with, also where it does not open.</summary>
    /// <exception cref="BackendException">There is no such backend, nor a device of its name.</exception>
    public static BackendKernels Kernels(string name) => Kernels(FamilyOf(name), name);

    private static BackendKernels Kernels(BackendFamily family, string name)
    {
        try
        {
            using var opened = family.Open(name, 0);
            return new BackendKernels(new BackendEntry(name, true, opened.Description), ByOp(opened.Variants));
        }
        catch (SparseRMException e) when (e is not BackendNameException)
        {
            return new BackendKernels(new BackendEntry(name, false, e.Message), ByOp(family.Table));
        }
    }

    private static Dictionary<OpKind, IReadOnlyList<KernelVariant>> ByOp(Func<OpKind, IReadOnlyList<KernelVariant>> variants) =>
        Enum.GetValues<OpKind>().ToDictionary(op => op, variants);

    private static BackendFamily FamilyOf(string name) => s_all.FirstOrDefault(family => family.Has(name))
        ?? throw new BackendException(name, $"there is no such backend in this build; it has {string.Join(", ", Names)}");
}
