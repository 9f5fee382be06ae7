namespace SparseRM.Text;

/// <summary>A run of characters of a rendered dialogue that all come from one place.</summary>
/// <param name="Start">First character (UTF-16 unit) in the rendered text.</param>
/// <param name="Length">Number of characters.</param>
/// <param name="MessageIndex">Index of the message whose content or other field they are, or <see cref="Template"/>, or
/// <see cref="Argument"/>.</param>
public readonly record struct TextSpan(int Start, int Length, int MessageIndex)
{
    /// <summary>The <see cref="MessageIndex"/> of characters that the template itself wrote.</summary>
    public const int Template = -1;

    /// <summary>The <see cref="MessageIndex"/> of characters that came with the template's arguments (tools, documents, ..).</summary>
    public const int Argument = -2;

    /// <summary>One past the last character.</summary>
    public int End => Start + Length;
}
