using SparseRM.Errors;

namespace SparseRM.Cli.Terminal;

/// <summary>Bad rows are counted and passed over; where there is nothing else, the file is not what its owner means, and whoever looks at the exit code alone must see it.</summary>
internal static class BadRows
{
    /// <summary>Insists that not all rows were bad.</summary>
    /// <param name="input">The file.</param>
    /// <param name="bad">Rows without a score.</param>
    /// <param name="rows">Rows that were read.</param>
    /// <param name="output">Where each row's error stands.</param>
    /// <exception cref="DataFormatException">All were bad, of one row or more.</exception>
    public static void RequireOneGood(string input, long bad, long rows, string output)
    {
        if (rows == 0 || bad < rows) return;
        throw new DataFormatException(input, 0, $"no row has a score: all {rows} are bad; {output} says of each why; fix the file or name the right one");
    }
}
