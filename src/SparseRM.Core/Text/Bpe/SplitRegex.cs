using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>A regular expression of a tokenizer.json, whose owner's engine counts code points.</summary>
/// <remarks>.NET's engine sees UTF-16 units. A character beyond U+FFFF is shown to it as one of the same Unicode category that the expression does not
/// name, so that classes hold and lengths count; <see cref="SplitRegexSyntax"/> lets nothing else tell characters apart.</remarks>
internal sealed class SplitRegex
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);
    private readonly string _path, _source;
    private readonly Regex _regex;
    private readonly SplitRegexSyntax _syntax;
    private readonly char[] _standIns = new char[30];

    /// <summary>Reads the expression.</summary>
    /// <exception cref="ModelFormatException">It uses what is not supported; the part is named.</exception>
    public SplitRegex(string source, string path)
    {
        (_path, _source) = (path, source);
        _syntax = new SplitRegexSyntax(source, path);
        try
        {
            _regex = new Regex(_syntax.Pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled, s_limit);
        }
        catch (ArgumentException error)
        {
            throw new ModelFormatException(path, $"the regex {source} cannot be read ({error.Message})", error);
        }
        if (_regex.IsMatch("")) throw new ModelFormatException(path, $"the regex {source} matches the empty text, which is not supported");
    }

    /// <summary>Finds the matches in a piece of text.</summary>
    public void Find(ReadOnlySpan<char> piece, List<(int Start, int End)> matches)
    {
        try
        {
            if (!piece.ContainsAnyInRange('\uD800', '\uDFFF'))
            {
                foreach (var match in _regex.EnumerateMatches(piece)) matches.Add((match.Index, match.Index + match.Length));
                return;
            }
            var shown = new StringBuilder(piece.Length);
            var positions = new List<int>(piece.Length + 1);
            for (int at = 0; at < piece.Length;)
            {
                Rune.DecodeFromUtf16(piece[at..], out var rune, out int length);
                shown.Append(length == 1 ? piece[at] : StandIn(Rune.GetUnicodeCategory(rune)));
                positions.Add(at);
                at += length;
            }
            positions.Add(piece.Length);
            foreach (var match in _regex.EnumerateMatches(shown.ToString()))
                matches.Add((positions[match.Index], positions[match.Index + match.Length]));
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new ModelFormatException(_path, $"the regex {_source} takes more than {s_limit.TotalSeconds} seconds for one match in this text", error);
        }
    }

    private char StandIn(UnicodeCategory category)
    {
        ref char standIn = ref _standIns[(int)category];
        if (standIn != 0) return standIn;
        for (char c = '\uFFFF'; c > '\u02FF'; c--)
            if (!char.IsSurrogate(c) && char.GetUnicodeCategory(c) == category && !_syntax.Names(c)) return standIn = c;
        throw new ModelFormatException(_path, $"the regex {_source} names all characters of a category, which is not supported");
    }
}
