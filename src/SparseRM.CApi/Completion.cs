using System.Runtime.InteropServices;

namespace SparseRM.CApi;

/// <summary>A caller's completion callback.</summary>
internal sealed unsafe class Completion(delegate* unmanaged[Cdecl]<void*, int, NativeResult*, long, void> done, void* user)
{
    private readonly delegate* unmanaged[Cdecl]<void*, int, NativeResult*, long, void> _done = done;
    private readonly void* _user = user;
    private const int SentenceBytes = 512;

    /// <summary>The results of a batch, as the callback sees them: those that failed have a sentence.</summary>
    public static NativeResult[] Results(BatchScores batch)
    {
        var results = new NativeResult[batch.Count];
        for (int i = 0; i < results.Length; i++)
        {
            results[i].StructSize = sizeof(NativeResult);
            if (batch.Error(i) is null) continue;
            results[i].ErrorCapacity = SentenceBytes;
            results[i].Error = (byte*)NativeMemory.Alloc(SentenceBytes);
        }
        batch.WriteTo(results);
        return results;
    }

    /// <summary>Hands over results, which are the callback's while it runs.</summary>
    public void Succeed(NativeResult[] results)
    {
        fixed (NativeResult* first = results) _done(_user, 0, first, results.Length);
        foreach (var result in results) NativeMemory.Free(result.Error);
    }

    /// <summary>Says that the call as a whole failed; <c>srm_last_error</c> on this thread has the sentence.</summary>
    public void Fail(Exception error) => _done(_user, LastError.Set(error), null, 0);
}

internal static partial class Exports
{
    /// <summary>Ends an asynchronous call: the handles that it holds go before the callback runs, so that the callback may close them.</summary>
    private static async Task Complete(
        Task work, Completion completion, BatchScores batch, HandleTable.Loan<RewardScorer> scorer, CallScope call)
    {
        NativeResult[] results = [];
        Exception? failure = null;
        try
        {
            // The callback runs neither inside srm_score_async itself nor on the engine's thread.
            await work.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            results = Completion.Results(batch);
        }
        catch (Exception error)
        {
            failure = error;
        }
        call.Dispose();
        scorer.Dispose();
        if (failure is null) completion.Succeed(results);
        else completion.Fail(failure);
    }
}
