using System.Globalization;
using SparseRM.Errors;

namespace SparseRM.Data;

/// <summary>Rows of a file, counted from 0 as blank lines are passed over: from <paramref name="Start"/> up to but not with <paramref name="End"/>.</summary>
/// <param name="Start">The first row.</param>
/// <param name="End">The row behind the last one; <see cref="long.MaxValue"/> for all that follow.</param>
public readonly record struct RowRange(long Start, long End)
{
    /// <summary>Rows in it.</summary>
    public long Count => End - Start;

    /// <summary>Reads <c>A:B</c>, <c>A:</c> or <c>:B</c>.</summary>
    /// <exception cref="SparseRMException">It is no range, or one without a row.</exception>
    public static RowRange Parse(string text)
    {
        string[] ends = text.Split(':');
        if (ends.Length == 2 && Bound(ends[0], 0) is { } start && Bound(ends[1], long.MaxValue) is { } end && start < end) return new RowRange(start, end);
        throw new SparseRMException(ErrorKind.Usage, $"'{text}' is no range of rows; give START:END such as 0:10000, rows counted from 0 and END not among them");
    }

    /// <summary><c>A:B</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Start}:{(End == long.MaxValue ? "" : End.ToString(CultureInfo.InvariantCulture))}");

    private static long? Bound(string text, long otherwise) =>
        text.Length == 0 ? otherwise : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : null;
}
