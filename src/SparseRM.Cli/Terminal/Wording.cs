using System.Text;
using System.Text.RegularExpressions;

namespace SparseRM.Cli.Terminal;

/// <summary>Says a library's options as the flags of the command line.</summary>
internal static partial class Wording
{
    private static readonly (string Library, string CommandLine)[] s_phrases =
    [
        ("try dtype f32", "try --dtype f32"),
        ("or allow truncation left or right", "or cut it with --truncate left or right"),
        ("say the format ", "say --format "),
        ("explain with the aggregate mean", "add --aggregate mean"),
        ("give that SAE too", "give that SAE with --sae"),
        ("leave the layer to the SAE", "leave --layer out"),
        ("or score it by ranges of rows", "or score it in parts with --rows"),
        ("or a smaller perplexity", "or a smaller --perplexity"),
        ("say which to use.", "say which with --aggregate."),
        ("allow a cache to have them computed once", "leave --no-cache out to have them computed once"),
    ];

    /// <summary>A message of the library with flags in the place of its options.</summary>
    public static string OfCommandLine(string message)
    {
        foreach (var (library, commandLine) in s_phrases) message = message.Replace(library, commandLine, StringComparison.Ordinal);
        return LibraryOption().Replace(message, match => "--" + match.Groups[1].Value.ToLowerInvariant().Replace(' ', '-'));
    }

    /// <summary>A paragraph in lines of at most so many columns, broken at blanks.</summary>
    public static IEnumerable<string> Fold(string paragraph, int width)
    {
        var line = new StringBuilder();
        foreach (string word in paragraph.Split(' '))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line.ToString();
                line.Clear();
            }
            if (line.Length > 0) line.Append(' ');
            line.Append(word);
        }
        yield return line.ToString();
    }

    [GeneratedRegex(@"\b(?:the )?option (chat template|add EOS|max batch tokens|columns|format|split|heads|aggregate|bootstrap|truncate|sae of other model)\b")]
    private static partial Regex LibraryOption();
}
