using System.Runtime.InteropServices;
using System.Text;

namespace SparseRM.CApi;

/// <summary>The last failure of a thread, as C reads it. Its memory goes with the thread.</summary>
internal sealed unsafe class LastError
{
    private static readonly byte* s_none = Literal(""u8);
    private static readonly byte* s_noMemory = Literal("out of memory"u8);

    [ThreadStatic]
    private static LastError? t_last;

    private byte* _text;
    private Status _status;

    private LastError() { }

    ~LastError() => NativeMemory.Free(_text);

    /// <summary>The sentence, ended by 0; stays until the thread's next failure.</summary>
    public static byte* Text => t_last is { } last ? last._text is null ? s_noMemory : last._text : s_none;

    /// <summary>Its status; 0 where nothing failed yet.</summary>
    public static Status Status => t_last?._status ?? Status.Ok;

    /// <summary>Keeps a failure and gives its status; never throws.</summary>
    public static int Set(Exception error)
    {
        try
        {
            return Set(Statuses.Of(error), Statuses.Sentence(error));
        }
        catch (OutOfMemoryException)
        {
            return (int)Status.Device;
        }
    }

    private static int Set(Status status, string sentence)
    {
        var last = t_last ??= new LastError();
        last._status = status;
        NativeMemory.Free(last._text);
        last._text = null;
        last._text = Copy(Encoding.UTF8.GetBytes(sentence));
        return (int)status;
    }

    private static byte* Literal(ReadOnlySpan<byte> text) => Copy(text);

    private static byte* Copy(ReadOnlySpan<byte> text)
    {
        byte* copy = (byte*)NativeMemory.Alloc((nuint)text.Length + 1);
        text.CopyTo(new Span<byte>(copy, text.Length));
        copy[text.Length] = 0;
        return copy;
    }
}
