using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace SparseRM.CApi;

internal static unsafe partial class Exports
{
    [UnmanagedCallersOnly(EntryPoint = "managed_srm_session_open", CallConvs = [typeof(CallConvCdecl)])]
    public static int SessionOpen(nint reward, NativeMessage* prompt, long promptCount, nint* session)
    {
        try
        {
            Reading.Require(session, "the place for the handle");
            *session = 0;
            HeapBudget.Require(prompt, promptCount);
            var messages = Inputs.Messages(prompt, promptCount);
            *session = Opened(OpenSession.On(reward, scorer => scorer.OpenSession(messages), hasPrompt: true), _ => "a session is open");
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_session_open_ids", CallConvs = [typeof(CallConvCdecl)])]
    public static int SessionOpenIds(nint reward, int* ids, long count, nint* session)
    {
        try
        {
            Reading.Require(session, "the place for the handle");
            *session = 0;
            HeapBudget.Require(ids, count);
            int[] prompt = Reading.Span(ids, count, "the array of ids").ToArray();
            *session = Opened(OpenSession.On(reward, scorer => scorer.OpenSession((ReadOnlySpan<int>)prompt), hasPrompt: false), _ => "a session is open");
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_session_append", CallConvs = [typeof(CallConvCdecl)])]
    public static int SessionAppend(nint session, int* ids, long count)
    {
        try
        {
            HeapBudget.Require(ids, count);
            int[] added = Reading.Span(ids, count, "the array of ids").ToArray();
            using var open = Library.Handles.Borrow<OpenSession>(session);
            open.Value.Append(added);
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_session_set_answer", CallConvs = [typeof(CallConvCdecl)])]
    public static int SessionSetAnswer(nint session, byte* answer, long length)
    {
        try
        {
            using var open = Library.Handles.Borrow<OpenSession>(session);
            var text = new NativeText { Data = answer, Length = length };
            HeapBudget.Require(text);
            open.Value.SetAnswer(Reading.Text(text, "the answer"));
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_session_score", CallConvs = [typeof(CallConvCdecl)])]
    public static int SessionScore(nint session, NativeScoreOptions* options, float* score)
    {
        try
        {
            Reading.Require(score, "the place for the score");
            *score = float.NaN;
            using var open = Library.Handles.Borrow<OpenSession>(session);
            if (options is null)
            {
                *score = open.Value.Use(growing => growing.Score());
                return 0;
            }
            var wanted = OptionsOfOne(options);
            using var call = CallScope.Of(options);
            *score = open.Value.Use(growing => Running.Score(growing, wanted, call.Progress, call.Token));
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_session_length", CallConvs = [typeof(CallConvCdecl)])]
    public static int SessionLength(nint session, long* length)
    {
        try
        {
            Reading.Require(length, "the place for the length");
            *length = 0;
            using var open = Library.Handles.Borrow<OpenSession>(session);
            *length = open.Value.Use(growing => growing.Length);
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_session_fork", CallConvs = [typeof(CallConvCdecl)])]
    public static int SessionFork(nint session, nint* fork)
    {
        try
        {
            Reading.Require(fork, "the place for the handle");
            *fork = 0;
            using var open = Library.Handles.Borrow<OpenSession>(session);
            *fork = Opened(open.Value.Fork(), _ => "a session is forked");
            return 0;
        }
        catch (Exception error)
        {
            return LastError.Set(error);
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "managed_srm_session_close", CallConvs = [typeof(CallConvCdecl)])]
    public static int SessionClose(nint session) => Close<OpenSession>(session);
}
