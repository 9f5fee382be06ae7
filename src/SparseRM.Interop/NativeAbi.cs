using System.Runtime.InteropServices;
using SparseRM.Backends;
using SparseRM.Errors;

namespace SparseRM.Interop;

/// <summary>Proves at the first use that the library which was found is the one that this assembly was built with.</summary>
public static class NativeAbi
{
    private const string Repair = "run `dotnet build` to rebuild it";
    private static readonly Lazy<SparseRMException?> s_problem = new(Check);

    /// <summary>Whether the library is there and fits.</summary>
    public static bool IsUsable => s_problem.Value is null;

    /// <summary>Returns when the library is there and fits.</summary>
    /// <exception cref="AbiMismatchException">It speaks another version, or its structs have other sizes.</exception>
    /// <exception cref="BackendException">It is missing or cannot be loaded.</exception>
    public static void Require()
    {
        switch (s_problem.Value)
        {
            case AbiMismatchException e: throw new AbiMismatchException(e.Backend, Sentence(e));
            case BackendException e: throw new BackendException(e.Backend, Sentence(e));
        }
    }

    /// <summary>Sizes of the structs that cross, in the order of the header's <c>srmk_sizeof_*</c>.</summary>
    public static unsafe ReadOnlySpan<long> Sizes => new long[]
    {
        sizeof(TensorDesc), sizeof(OperandDesc), sizeof(ProductDesc), sizeof(AttentionSegment), sizeof(AttentionOptions), sizeof(SaeGateDesc),
    };

    /// <summary>The refusal for what a library says of itself, or null where it fits.</summary>
    /// <param name="found">The library's version.</param>
    /// <param name="sizes">The library's <see cref="Sizes"/>.</param>
    public static AbiMismatchException? Compare(int found, params ReadOnlySpan<long> sizes)
    {
        if (found != NativeMethods.AbiVersion)
            return new(NativeBackend.BackendName, $"lib{NativeMethods.Library} speaks ABI {found}, this build needs {NativeMethods.AbiVersion}; {Repair}");
        return sizes.SequenceEqual(Sizes) ? null : new(NativeBackend.BackendName,
            $"lib{NativeMethods.Library} of ABI {found} has structs of {string.Join(", ", sizes.ToArray())} bytes, this build needs "
            + $"{string.Join(", ", Sizes.ToArray())}; {Repair}");
    }

    private static string Sentence(BackendException e) => e.Message[(e.Backend.Length + 2)..];

    /// <summary>Why there is no library, for people: a system that has none needs another sentence than a broken copy.</summary>
    internal static string Absent(bool isLinux, Architecture architecture, string system) => isLinux && architecture == Architecture.X64
        ? $"the native library lib{NativeMethods.Library} is not beside the program or cannot be loaded; {Repair}"
        : $"SparseRM runs on Linux on x64 alone, and this is {system} on {architecture.ToString().ToLowerInvariant()}";

    private static SparseRMException? Check()
    {
        try
        {
            int version = NativeMethods.srmk_abi_version();
            // Of another version not even the functions that give the sizes may be there.
            if (version != NativeMethods.AbiVersion) return Compare(version);
            return Compare(version, NativeMethods.srmk_sizeof_tensor(), NativeMethods.srmk_sizeof_operand(), NativeMethods.srmk_sizeof_product(),
                NativeMethods.srmk_sizeof_segment(), NativeMethods.srmk_sizeof_attention_options(), NativeMethods.srmk_sizeof_sae_gate());
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            return new BackendException(NativeBackend.BackendName, Absent(OperatingSystem.IsLinux(), RuntimeInformation.OSArchitecture, RuntimeInformation.OSDescription));
        }
        catch (EntryPointNotFoundException)
        {
            return new AbiMismatchException(NativeBackend.BackendName,
                $"lib{NativeMethods.Library} has no ABI version that can be asked for, this build needs {NativeMethods.AbiVersion}; {Repair}");
        }
    }
}
