using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace SparseRM.CApi;

/// <summary>The functions of include/sparserm.h; what each does is said there. None lets an exception out.</summary>
internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = "srm_abi_version", CallConvs = [typeof(CallConvCdecl)])]
    public static int AbiVersion() => Library.AbiVersion;

    [UnmanagedCallersOnly(EntryPoint = "srm_version", CallConvs = [typeof(CallConvCdecl)])]
    public static byte* Version() => s_version;

    [UnmanagedCallersOnly(EntryPoint = "srm_status_name", CallConvs = [typeof(CallConvCdecl)])]
    public static byte* StatusName(int status) => (uint)status < (uint)s_names.Length ? (byte*)s_names[status] : (byte*)s_names[^1];

    [UnmanagedCallersOnly(EntryPoint = "srm_last_error", CallConvs = [typeof(CallConvCdecl)])]
    public static byte* LastErrorText() => LastError.Text;

    [UnmanagedCallersOnly(EntryPoint = "srm_last_status", CallConvs = [typeof(CallConvCdecl)])]
    public static int LastErrorStatus() => (int)LastError.Status;

    [UnmanagedCallersOnly(EntryPoint = "srm_struct_size", CallConvs = [typeof(CallConvCdecl)])]
    public static long StructSize(int kind) => kind switch
    {
        0 => sizeof(NativeText),
        1 => sizeof(NativeMessage),
        2 => sizeof(NativeBackboneOptions),
        3 => sizeof(NativeInput),
        4 => sizeof(NativeScoreOptions),
        5 => sizeof(NativeResult),
        6 => sizeof(NativeCounts),
        7 => sizeof(NativeFitOptions),
        8 => sizeof(NativeFitResult),
        _ => 0,
    };

    [UnmanagedCallersOnly(EntryPoint = "srm_open_handles", CallConvs = [typeof(CallConvCdecl)])]
    public static long OpenHandles() => Library.Handles.Count;

    [UnmanagedCallersOnly(EntryPoint = "srm_set_log", CallConvs = [typeof(CallConvCdecl)])]
    public static int SetLog(delegate* unmanaged[Cdecl]<void*, int, byte*, void> log, void* user)
    {
        Library.LogTo(log, user);
        return 0;
    }

    [UnmanagedCallersOnly(EntryPoint = "srm_cancel_create", CallConvs = [typeof(CallConvCdecl)])]
    public static int CancelCreate(nint* cancel)
    {
        try
        {
            Reading.Require(cancel, "the place for the handle");
            *cancel = 0;
            *cancel = Library.Handles.Add(new CancellationTokenSource());
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "srm_cancel", CallConvs = [typeof(CallConvCdecl)])]
    public static int Cancel(nint cancel)
    {
        try
        {
            using var source = Library.Handles.Borrow<CancellationTokenSource>(cancel);
            source.Value.Cancel();
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "srm_cancel_close", CallConvs = [typeof(CallConvCdecl)])]
    public static int CancelClose(nint cancel) => Close<CancellationTokenSource>(cancel);

    [UnmanagedCallersOnly(EntryPoint = "srm_backbone_close", CallConvs = [typeof(CallConvCdecl)])]
    public static int BackboneClose(nint backbone) => Close<Backbone>(backbone);

    [UnmanagedCallersOnly(EntryPoint = "srm_reward_close", CallConvs = [typeof(CallConvCdecl)])]
    public static int RewardClose(nint reward) => Close<RewardScorer>(reward);

    [UnmanagedCallersOnly(EntryPoint = "srm_sae_close", CallConvs = [typeof(CallConvCdecl)])]
    public static int SaeClose(nint sae) => Close<OpenSae>(sae);

    private static readonly byte* s_version = Kept(Library.Version);
    private static readonly nint[] s_names = [.. Statuses.Names.Select(name => (nint)Kept(name))];

    private static int Close<T>(nint handle) where T : class, IDisposable
    {
        try
        {
            Library.Handles.Close<T>(handle);
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    /// <summary>A copy that stays as long as the process.</summary>
    private static byte* Kept(byte[] text)
    {
        byte* copy = (byte*)NativeMemory.Alloc((nuint)text.Length);
        text.CopyTo(new Span<byte>(copy, text.Length));
        return copy;
    }
}
