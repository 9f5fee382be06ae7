using System.Runtime.CompilerServices;
using SparseRM.Backends;
using SparseRM.Errors;

namespace SparseRM.Interop;

/// <summary>Proves at the first use that the library which was found is the one that this assembly was built with.</summary>
public static class NativeAbi
{
    private const string Repair = "run `dotnet build` to build it anew";
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

    /// <summary>The refusal for what a library says of itself, or null where it fits; <paramref name="found"/> and the sizes are the library's.</summary>
    public static AbiMismatchException? Compare(int found, long tensorSize, long segmentSize, long optionsSize, long gateSize)
    {
        if (found != NativeMethods.AbiVersion)
            return new(NativeBackend.BackendName, $"lib{NativeMethods.Library} speaks ABI {found}, this build needs {NativeMethods.AbiVersion}; {Repair}");
        bool same = tensorSize == Unsafe.SizeOf<TensorDesc>() && segmentSize == Unsafe.SizeOf<AttentionSegment>()
            && optionsSize == Unsafe.SizeOf<AttentionOptions>() && gateSize == Unsafe.SizeOf<SaeGateDesc>();
        return same ? null : new(NativeBackend.BackendName,
            $"lib{NativeMethods.Library} of ABI {found} has structs of {tensorSize}, {segmentSize}, {optionsSize} and {gateSize} bytes, this build needs "
            + $"{Unsafe.SizeOf<TensorDesc>()}, {Unsafe.SizeOf<AttentionSegment>()}, {Unsafe.SizeOf<AttentionOptions>()} and "
            + $"{Unsafe.SizeOf<SaeGateDesc>()}; {Repair}");
    }

    private static string Sentence(BackendException e) => e.Message[(e.Backend.Length + 2)..];

    private static SparseRMException? Check()
    {
        try
        {
            return Compare(NativeMethods.srmk_abi_version(), NativeMethods.srmk_sizeof_tensor(), NativeMethods.srmk_sizeof_segment(),
                NativeMethods.srmk_sizeof_attention_options(), NativeMethods.srmk_sizeof_sae_gate());
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            return new BackendException(NativeBackend.BackendName,
                $"the native library lib{NativeMethods.Library} is not beside the program or cannot be loaded; {Repair}");
        }
        catch (EntryPointNotFoundException)
        {
            return new AbiMismatchException(NativeBackend.BackendName,
                $"lib{NativeMethods.Library} has no ABI version that can be asked for, this build needs {NativeMethods.AbiVersion}; {Repair}");
        }
    }
}
