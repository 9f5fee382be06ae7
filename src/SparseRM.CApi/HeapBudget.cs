using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Text;

namespace SparseRM.CApi;

/// <summary>
/// How much a call may copy into the managed heap. The heap lies in a range of addresses that is reserved once (32 GB; under <c>ulimit -v</c> a part of the
/// limit, see native/start.c), and .NET's collector may end the process where the range is used up. So what grows with a caller's input is counted before it
/// is copied, and refused with <see cref="Status.Device"/> where it would fill the heap so far: the rest is for what the engine makes of it, and for garbage.
/// Nothing is reserved: of large calls at once each is measured against what is free when it begins.
/// </summary>
internal static unsafe partial class HeapBudget
{
    // What is smaller is not asked about, so that small calls cost nothing.
    private const long Small = 1 << 18, Mega = 1 << 20;

    // What an input costs beside its text or ids: its sequence, its result and their places.
    private const long Input = 1024;

    // Bytes for a byte of a text (its string, ids and their origins), of a tokenizer's file, and of a file of pairs.
    private const int OfText = 12, OfTokenizer = 12, OfPairs = 8;

    // A managed program that calls the exports, as a benchmark does, has a heap of its own.
    private static readonly long s_most = RuntimeFeature.IsDynamicCodeSupported ? long.MaxValue : Most();

    /// <summary>Insists that inputs fit.</summary>
    /// <exception cref="CallException">They would fill the heap.</exception>
    public static void Require(ReadOnlySpan<NativeInput> inputs)
    {
        long bytes = 0;
        foreach (ref readonly var input in inputs)
        {
            // Only what the kind uses: the rest may point anywhere.
            bytes += Input + input.Kind switch
            {
                0 => Bytes(input.Prompt) + Bytes(input.Text),
                1 => Bytes(input.Messages, input.MessageCount),
                2 or 3 => Bytes(input.Text),
                4 => Bytes(input.Ids, input.IdCount),
                _ => 0,
            };
        }
        Require(bytes, "the call");
    }

    /// <summary>As <see cref="Require(ReadOnlySpan{NativeInput})"/>, for a text or two.</summary>
    public static void Require(NativeText text, NativeText other = default) => Require(Bytes(text) + Bytes(other), "the call");

    /// <summary>As <see cref="Require(ReadOnlySpan{NativeInput})"/>, for a prompt of messages.</summary>
    public static void Require(NativeMessage* messages, long count) => Require(Bytes(messages, count), "the call");

    /// <summary>As <see cref="Require(ReadOnlySpan{NativeInput})"/>, for ids.</summary>
    public static void Require(int* ids, long count) => Require(Bytes(ids, count), "the call");

    /// <summary>As <see cref="Require(ReadOnlySpan{NativeInput})"/>, for answers to a prompt.</summary>
    public static void Require(IReadOnlyList<Message> prompt, ReadOnlySpan<NativeText> answers)
    {
        long bytes = answers.Length * (Input + OfText * prompt.Sum(message => (long)message.Role.Length + (message.Content?.Length ?? 0)));
        foreach (var answer in answers) bytes += Bytes(answer);
        Require(bytes, "the call");
    }

    /// <summary>Insists that the model's tokenizer fits.</summary>
    public static void RequireModel(string model)
    {
        string folder;
        try
        {
            folder = ModelFolder.Resolve(model);
        }
        catch (SparseRMException)
        {
            return; // whoever opens it says so
        }
        Require(OfTokenizer * (Length(Path.Combine(folder, "tokenizer.json")) + Length(Path.Combine(folder, "tokenizer.model"))), "the model's tokenizer");
    }

    /// <summary>Insists that a file of pairs fits.</summary>
    public static void RequirePairs(string path) => Require(OfPairs * Length(path), "the file of pairs");

    /// <summary>Insists on room for so many bytes.</summary>
    /// <param name="bytes">About as many as are needed.</param>
    /// <param name="what">For the message: <c>the call</c>.</param>
    public static void Require(long bytes, string what)
    {
        if (bytes < Small || bytes <= s_most - GC.GetTotalMemory(forceFullCollection: false)) return;
        long left = s_most - GC.GetTotalMemory(forceFullCollection: true);
        if (bytes <= left) return;
        throw new CallException(Status.Device, $"out of memory: {what} needs about {bytes / Mega} MB of the library's heap, {Math.Max(0, left) / Mega} MB of {s_most / Mega} are left; "
            + "send less at once, or raise the process's limit of addresses (ulimit -v)");
    }

    // A length that is none is refused by whoever reads it.
    private static long Bytes(NativeText text) => text.Data is null ? 0
        : text.Length == Reading.ZeroTerminated ? OfText * (long)MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text.Data).Length
        : IsLength(text.Length) ? OfText * text.Length : 0;

    private static long Bytes(NativeMessage* messages, long count)
    {
        if (messages is null || count is < 0 or > Inputs.MaxMessages) return 0;
        long bytes = count * Input;
        for (long i = 0; i < count; i++) bytes += Bytes(messages[i].Content) + Bytes(messages[i].Fields);
        return bytes;
    }

    private static long Bytes(int* ids, long count) => ids is not null && IsLength(count) ? 2 * sizeof(int) * count : 0;

    private static bool IsLength(long count) => count > 0 && count <= Array.MaxLength;

    private static long Length(string path) => File.Exists(path) ? new FileInfo(path).Length : 0;

    [LibraryImport("sparserm_start", EntryPoint = "srm_heap_most")]
    private static partial long Most();
}
