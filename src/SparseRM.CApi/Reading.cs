using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace SparseRM.CApi;

/// <summary>Reads what a caller's pointers and lengths say, and refuses what cannot be meant. A pointer that is neither null nor right cannot be seen.</summary>
internal static unsafe class Reading
{
    /// <summary>SRM_ZERO_TERMINATED: the text ends at its first 0.</summary>
    public const long ZeroTerminated = long.MaxValue;

    /// <summary>A text in UTF-8.</summary>
    /// <param name="text">Where and how long.</param>
    /// <param name="what">For messages: <c>the prompt</c>.</param>
    /// <exception cref="CallException">Null, a length that is none, or not UTF-8.</exception>
    public static string Text(NativeText text, string what) => Encoding.UTF8.GetString(Bytes(text, what));

    /// <summary>As <see cref="Text(NativeText, string)"/>, null where the pointer is.</summary>
    public static string? OptionalText(NativeText text, string what) => text is { Data: null, Length: 0 } ? null : Text(text, what);

    /// <summary>A text that ends at its first 0.</summary>
    public static string Text(byte* text, string what) => Text(new NativeText { Data = text, Length = ZeroTerminated }, what);

    /// <summary>As <see cref="Text(byte*, string)"/>, null where the pointer is.</summary>
    public static string? OptionalText(byte* text, string what) => text is null ? null : Text(text, what);

    /// <summary>The bytes of a text, which are UTF-8.</summary>
    public static ReadOnlySpan<byte> Bytes(NativeText text, string what)
    {
        if (text.Data is null) throw new CallException(Status.Usage, $"{what} is a null pointer; an empty text is a pointer to no bytes");
        var bytes = text.Length == ZeroTerminated ? MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text.Data) : Span(text.Data, text.Length, what);
        if (Utf8.IsValid(bytes)) return bytes;
        throw new CallException(Status.Usage, $"{what} is not valid UTF-8; encode it as UTF-8");
    }

    /// <summary>An array.</summary>
    /// <exception cref="CallException">A negative or too large count, or a null pointer with any elements.</exception>
    public static Span<T> Span<T>(T* start, long count, string what) where T : unmanaged
    {
        if (count < 0 || count > Array.MaxLength) throw new CallException(Status.Usage, $"{what} is said to have {count} elements; give 0 to {Array.MaxLength}");
        if (start is null && count > 0) throw new CallException(Status.Usage, $"{what} is a null pointer with {count} elements");
        return new Span<T>(start, (int)count);
    }

    /// <summary>Insists on a place for a result.</summary>
    public static void Require(void* place, string what)
    {
        if (place is null) throw new CallException(Status.Usage, $"{what} is a null pointer");
    }

    /// <summary>Insists on a struct of the size that this library has.</summary>
    /// <exception cref="CallException">Null, or of another version: the header is newer than the library, or the field was not set.</exception>
    public static void RequireSize<T>(void* value, string name) where T : unmanaged
    {
        // Nothing is made for a message before one is needed: arrays of structs come through here.
        if (value is not null && *(long*)value == sizeof(T)) return;
        Require(value, $"the {name}");
        long size = *(long*)value;
        throw new CallException(Status.Struct, size > sizeof(T)
            ? $"the {name} has struct_size {size}, this library knows {sizeof(T)}: its header is newer; use the library that belongs to it"
            : $"the {name} has struct_size {size}, expected {sizeof(T)}; set it to sizeof({name})");
    }

    /// <summary>Writes a text and its end into the caller's buffer.</summary>
    /// <exception cref="CallException">The buffer is too small; <paramref name="needed"/> says how large it must be.</exception>
    public static void Write(string text, byte* buffer, long capacity, long* needed)
    {
        var target = Span(buffer, capacity, "the buffer");
        int length = Encoding.UTF8.GetByteCount(text);
        if (needed is not null) *needed = length + 1L;
        if (target.Length <= length) throw new CallException(Status.Buffer, $"the buffer has {capacity} bytes, the text needs {length + 1L}");
        Encoding.UTF8.GetBytes(text, target);
        target[length] = 0;
    }

    /// <summary>Copies values into the caller's buffer.</summary>
    /// <exception cref="CallException">The buffer is too small.</exception>
    public static void Write<T>(ReadOnlySpan<T> values, T* buffer, long capacity, string what) where T : unmanaged
    {
        var target = Span(buffer, capacity, what);
        if (target.Length < values.Length) throw new CallException(Status.Buffer, $"{what} has room for {capacity} elements, {values.Length} are needed");
        values.CopyTo(target);
    }
}
