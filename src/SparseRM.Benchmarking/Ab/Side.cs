namespace SparseRM.Benchmarking.Ab;

/// <summary>One of two kernels that are compared: of this build, of another build of the native library, or of the user's own.</summary>
/// <param name="Text">As it was given.</param>
/// <param name="Library">Another build, or a kernel; null for this build.</param>
/// <param name="Variant">The variant, or null for the library's default, and for a kernel.</param>
public sealed record Side(string Text, string? Library, string? Variant)
{
    /// <summary>The word for this build's default.</summary>
    public const string This = "this";

    /// <summary>Reads <c>this</c>, <c>VARIANT</c>, <c>FILE.so</c>, <c>FILE.so:VARIANT</c> or <c>FILE.ptx</c>.</summary>
    public static Side Parse(string text)
    {
        if (text.EndsWith(".ptx", StringComparison.Ordinal)) return new Side(text, text, null);
        int end = text.LastIndexOf(".so", StringComparison.Ordinal);
        if (end < 0) return new Side(text, null, text == This ? null : text);
        int at = end + ".so".Length;
        // Versions may follow: libx.so.2.
        int colon = text.IndexOf(':', at);
        return colon < 0 ? new Side(text, text, null) : new Side(text, text[..colon], text[(colon + 1)..]);
    }
}
