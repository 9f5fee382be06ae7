using System.Buffers;
using System.Text;

namespace SparseRM.Text.Jinja;

/// <summary>A string that knows where each of its characters comes from: the template, a message (its index) or an argument.</summary>
internal sealed class TracedText
{
    /// <summary>The empty string.</summary>
    public static readonly TracedText Empty = new("", []);

    private static readonly SearchValues<char> s_highSurrogates =
        SearchValues.Create(Enumerable.Range(0xD800, 0x400).Select(c => (char)c).ToArray());
    private readonly Run[] _runs;
    private int[]? _codePointStarts;

    private TracedText(string text, Run[] runs) => (Text, _runs) = (text, runs);

    /// <summary>The characters.</summary>
    public string Text { get; }

    /// <summary>Whether the filters <c>safe</c> or <c>escape</c> marked it: what is added to it is escaped for HTML, as in Jinja.</summary>
    public bool IsMarkup { get; private init; }

    /// <summary>Bytes that the text holds.</summary>
    public long Size => 64 + 2L * Text.Length + 8L * _runs.Length;

    /// <summary>Text of one origin.</summary>
    public static TracedText Of(string text, int source = TextSpan.Template) =>
        text.Length == 0 ? Empty : new TracedText(text, [new Run(0, source)]);

    /// <summary>The same text, marked or not.</summary>
    public TracedText AsMarkup(bool marked = true) => IsMarkup == marked ? this : new TracedText(Text, _runs) { IsMarkup = marked };

    /// <summary>The origins as spans that cover the text; neighbours differ.</summary>
    public TextSpan[] Spans()
    {
        var spans = new TextSpan[_runs.Length];
        for (int i = 0; i < spans.Length; i++)
            spans[i] = new TextSpan(_runs[i].Start, (i + 1 < _runs.Length ? _runs[i + 1].Start : Text.Length) - _runs[i].Start, _runs[i].Source);
        return spans;
    }

    /// <summary>Characters [start, end), in UTF-16 units.</summary>
    public TracedText Slice(int start, int end)
    {
        if (start >= end) return Empty;
        if (start == 0 && end == Text.Length) return this;
        if (_runs.Length == 1) return Of(Text[start..end], _runs[0].Source);
        var builder = new Builder();
        builder.Append(this, start, end);
        return builder.ToText();
    }

    /// <summary>Both texts, one after the other.</summary>
    public TracedText Concat(TracedText other)
    {
        if (Text.Length == 0) return other;
        if (other.Text.Length == 0) return this;
        // The run that begins the other text goes on with the last one of this text where both come from one place.
        int joined = _runs[^1].Source == other._runs[0].Source ? 1 : 0;
        var runs = new Run[_runs.Length + other._runs.Length - joined];
        _runs.CopyTo(runs, 0);
        for (int i = joined; i < other._runs.Length; i++) runs[_runs.Length + i - joined] = new Run(Text.Length + other._runs[i].Start, other._runs[i].Source);
        return new TracedText(Text + other.Text, runs);
    }

    /// <summary>Each run of one origin replaced by what a function makes of it: the whole text, start and end of the run.</summary>
    public TracedText Map(Func<string, int, int, string> mapped)
    {
        var builder = new Builder();
        foreach (var span in Spans()) builder.Append(mapped(Text, span.Start, span.End), span.MessageIndex);
        return builder.ToText();
    }

    /// <summary>Number of code points, which is what Python counts.</summary>
    public int CodePoints => Starts is { Length: > 0 } starts ? starts.Length - 1 : Text.Length;

    /// <summary>UTF-16 position of a code point; the last entry is the text's length.</summary>
    public int PositionOf(int codePoint) => Starts is { Length: > 0 } starts ? starts[codePoint] : codePoint;

    /// <summary>Number of code points before a UTF-16 position.</summary>
    public int IndexOf(int position)
    {
        if (Starts is not { Length: > 0 } starts) return position;
        int found = Array.BinarySearch(starts, position);
        return found < 0 ? ~found - 1 : found;
    }

    // Empty where every character is a code point of its own.
    private int[] Starts
    {
        get
        {
            if (_codePointStarts is not null) return _codePointStarts;
            if (!Text.AsSpan().ContainsAny(s_highSurrogates)) return _codePointStarts = [];
            var starts = new List<int>(Text.Length + 1);
            for (int i = 0; i < Text.Length; i += char.IsSurrogatePair(Text, i) ? 2 : 1) starts.Add(i);
            starts.Add(Text.Length);
            return _codePointStarts = [.. starts];
        }
    }

    private readonly record struct Run(int Start, int Source);

    /// <summary>Joins texts; neighbours of one origin become one run.</summary>
    /// <param name="capacity">Characters that are expected.</param>
    public sealed class Builder(int capacity = 16)
    {
        private readonly StringBuilder _text = new(capacity);
        private readonly List<Run> _runs = [];

        /// <summary>Characters so far.</summary>
        public int Length => _text.Length;

        /// <summary>Appends a whole text.</summary>
        public void Append(TracedText text) => Append(text, 0, text.Text.Length);

        /// <summary>Appends characters [start, end) of a text.</summary>
        public void Append(TracedText text, int start, int end)
        {
            if (start >= end) return;
            int low = 0, high = text._runs.Length - 1;
            while (low < high)
            {
                int middle = (low + high + 1) / 2;
                if (text._runs[middle].Start <= start) low = middle;
                else high = middle - 1;
            }
            for (int i = low; i < text._runs.Length && text._runs[i].Start < end; i++)
            {
                int from = Math.Max(text._runs[i].Start, start);
                if (_runs.Count == 0
                    || _runs[^1].Source != text._runs[i].Source) _runs.Add(new Run(_text.Length + from - start, text._runs[i].Source));
            }
            _text.Append(text.Text, start, end - start);
        }

        /// <summary>Appends text of one origin.</summary>
        public void Append(string text, int source)
        {
            if (text.Length == 0) return;
            if (_runs.Count == 0 || _runs[^1].Source != source) _runs.Add(new Run(_text.Length, source));
            _text.Append(text);
        }

        /// <summary>The joined text.</summary>
        public TracedText ToText() => _text.Length == 0 ? Empty : new TracedText(_text.ToString(), [.. _runs]);
    }
}
