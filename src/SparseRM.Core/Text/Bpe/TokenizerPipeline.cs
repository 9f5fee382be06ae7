namespace SparseRM.Text.Bpe;

/// <summary>What a tokenizer.json does to text before it is merged: normalizers, then pre-tokenizers, in their order.</summary>
internal sealed class TokenizerPipeline
{
    /// <summary>The character that SentencePiece writes for a space.</summary>
    public const char Blank = '\u2581';

    /// <summary>Changes of the text.</summary>
    public List<Func<AlignedText, AlignedText>> Normalizers { get; } = [];

    /// <summary>Cuts, and changes of the pieces.</summary>
    public List<Action<Pieces>> PreTokenizers { get; } = [];

    /// <summary>A line for each normalizer and pre-tokenizer that determines it.</summary>
    public List<string> Steps { get; } = [];

    /// <summary>Whether pieces are spelled as bytes in the end.</summary>
    public bool IsByteLevel { get; private set; }

    /// <summary>Whether that spelling is the last of <see cref="PreTokenizers"/>, so that all cuts are cuts of the text itself.</summary>
    public bool SpellsLast { get; private set; }

    /// <summary>Whether a text gets a blank before it that is none of its own.</summary>
    public bool PutsBlankFirst { get; private set; }

    /// <summary>The text after all normalizers.</summary>
    public AlignedText Normalize(AlignedText text) => Normalizers.Aggregate(text, (current, normalizer) => normalizer(current));

    /// <summary>Composes characters (NFC).</summary>
    public void AddComposition() => AddNormalizer("nfc", static text => text.Composed());

    /// <summary>Puts <paramref name="prefix"/> before every text that is not empty.</summary>
    public void AddPrefix(string prefix)
    {
        PutsBlankFirst |= prefix == $"{Blank}";
        AddNormalizer($"prepend {prefix}", text => text.Text.Length == 0 ? text : text.With([(0, 0)], prefix));
    }

    /// <summary>Writes matches of a fixed text as <paramref name="content"/>.</summary>
    public void AddReplacement(string pattern, string content)
    {
        if (pattern.Length == 1 && content.Length == 1) AddNormalizer($"replace {pattern} {content}", text => text.WithCharacter(pattern[0], content[0]));
        else AddReplacement($"replace {pattern} {content}", Splitter.Literal(pattern), content);
    }

    /// <summary>Writes matches as <paramref name="content"/>.</summary>
    public void AddReplacement(string step, MatchFinder find, string content) => AddNormalizer(step, text =>
    {
        var matches = new List<(int Start, int End)>();
        find(text.Text, matches);
        return text.With(matches, content);
    });

    /// <summary>Splits at matches.</summary>
    public void AddSplit(string step, MatchFinder find, SplitBehavior behavior, bool invert) =>
        AddPreTokenizer($"split {step} {behavior} {invert}", pieces => Splitter.Split(pieces, find, behavior, invert));

    /// <summary>Spells pieces as bytes, after a blank before those that begin with none and a split as GPT-2 has it, where these are asked for.</summary>
    public void AddBytes(bool prefix, SplitRegex? regex)
    {
        IsByteLevel = true;
        AddPreTokenizer($"bytes{(prefix ? " prefix" : "")}{(regex is null ? " whole" : "")}", pieces =>
        {
            if (prefix) pieces.Prepend(" ", range => pieces.Aligned.Text[range.Start] != ' ');
            if (regex is not null) Splitter.Split(pieces, regex.Find, SplitBehavior.Isolated);
        });
        PreTokenizers.Add(static pieces => pieces.SpellAsBytes());
        SpellsLast = true;
    }

    /// <summary>Writes spaces as <paramref name="blank"/>, puts one before pieces by <paramref name="scheme"/>, and splits before each.</summary>
    public void AddMetaspace(char blank, PrependScheme scheme, bool splits)
    {
        PutsBlankFirst |= scheme != PrependScheme.Never;
        AddPreTokenizer($"metaspace {blank} {scheme} {splits}", pieces =>
        {
            pieces.Replace(' ', blank);
            if (scheme != PrependScheme.Never)
                pieces.Prepend($"{blank}", range => pieces.Aligned.Text[range.Start] != blank
                    && (scheme == PrependScheme.Always || pieces.Aligned.Origin(range.Start, range.Start + 1).Start == 0));
            if (splits) Splitter.Split(pieces, Splitter.Literal($"{blank}"), SplitBehavior.MergedWithNext);
        });
    }

    private void AddNormalizer(string step, Func<AlignedText, AlignedText> normalizer)
    {
        Steps.Add(step);
        Normalizers.Add(normalizer);
    }

    private void AddPreTokenizer(string step, Action<Pieces> preTokenizer)
    {
        Steps.Add(step);
        PreTokenizers.Add(preTokenizer);
        SpellsLast = false;
    }
}

/// <summary>Before which pieces a Metaspace pre-tokenizer puts a blank; never before one that begins with a blank.</summary>
internal enum PrependScheme
{
    /// <summary>All.</summary>
    Always,

    /// <summary>The one that begins the text.</summary>
    First,

    /// <summary>None.</summary>
    Never,
}
