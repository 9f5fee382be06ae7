using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace SparseRM.CApi;

/// <summary>The functions of include/sparserm.h, which native/exports.c goes on in; what each does is said there. None lets an exception out.</summary>
internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_srm_struct_size", CallConvs = [typeof(CallConvCdecl)])]
    public static long StructSize(int kind) => kind switch
    {
        0 => sizeof(NativeCall),
        1 => sizeof(NativeText),
        2 => sizeof(NativeMessage),
        3 => sizeof(NativeBackboneOptions),
        4 => sizeof(NativeInput),
        5 => sizeof(NativeScoreOptions),
        6 => sizeof(NativeResult),
        7 => sizeof(NativeCounts),
        8 => sizeof(NativeFitOptions),
        9 => sizeof(NativeFitResult),
        _ => 0,
    };

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_open_handles", CallConvs = [typeof(CallConvCdecl)])]
    public static long OpenHandles()
    {
        try
        {
            return Library.Handles.Count;
        }
        catch (Exception)
        {
            return 0; // the table itself could not be made, so none is open
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_set_log", CallConvs = [typeof(CallConvCdecl)])]
    public static int SetLog(delegate* unmanaged[Cdecl]<void*, int, byte*, void> log, void* user)
    {
        try
        {
            Library.LogTo(log, user);
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_cancel_create", CallConvs = [typeof(CallConvCdecl)])]
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

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_cancel", CallConvs = [typeof(CallConvCdecl)])]
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

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_cancel_close", CallConvs = [typeof(CallConvCdecl)])]
    public static int CancelClose(nint cancel) => Close<CancellationTokenSource>(cancel);

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_backbone_close", CallConvs = [typeof(CallConvCdecl)])]
    public static int BackboneClose(nint backbone) => Close<Backbone>(backbone);

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_reward_close", CallConvs = [typeof(CallConvCdecl)])]
    public static int RewardClose(nint reward) => Close<RewardScorer>(reward);

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_sae_close", CallConvs = [typeof(CallConvCdecl)])]
    public static int SaeClose(nint sae) => Close<OpenSae>(sae);

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
}
