using System.Text;

namespace SparseRM.Text.Jinja;

/// <summary>A string that knows where each of its characters comes from: the template (-1) or the content of a message (its
/// index).</summary>
internal sealed class TracedText
{
    /// <summary>The empty string.</summary>
    public static readonly TracedText Empty = new("", []);

    private readonly Run[] _runs;
    private int[]? _codePointStarts;

    private TracedText(string text, Run[] runs) => (Text, _runs) = (text, runs);

    /// <summary>The characters.</summary>
    public string Text { get; }

    /// <summary>Text of one origin.</summary>
    public static TracedText Of(string text, int source = TextSpan.Template) =>
        text.Length == 0 ? Empty : new TracedText(text, [new Run(0, source)]);

    /// <summary>The origins as spans that cover the text; neighbours differ.</summary>
    public IEnumerable<TextSpan> Spans()
    {
        for (int i = 0; i < _runs.Length; i++)
            yield return new TextSpan(_runs[i].Start, (i + 1 < _runs.Length ? _runs[i + 1].Start : Text.Length) - _runs[i].Start,
                _runs[i].Source);
    }

    /// <summary>Characters [start, end), in UTF-16 units.</summary>
    public TracedText Slice(int start, int end)
    {
        if (start >= end) return Empty;
        if (start == 0 && end == Text.Length) return this;
        var builder = new Builder();
        builder.Append(this, start, end);
        return builder.ToText();
    }

    /// <summary>Both texts, one after the other.</summary>
    public TracedText Concat(TracedText other)
    {
        if (Text.Length == 0) return other;
        if (other.Text.Length == 0) return this;
        var builder = new Builder();
        builder.Append(this);
        builder.Append(other);
        return builder.ToText();
    }

    /// <summary>Each character replaced by one; origins stay.</summary>
    public TracedText Map(Func<string, string> sameLength)
    {
        string mapped = sameLength(Text);
        return mapped.Length == Text.Length ? new TracedText(mapped, _runs)
            : throw new InvalidOperationException("the mapping changed the length");
    }

    /// <summary>Number of code points, which is what Python counts.</summary>
    public int CodePoints => Starts.Length - 1;

    /// <summary>UTF-16 position of a code point; the last entry is the text's length.</summary>
    public int PositionOf(int codePoint) => Starts[codePoint];

    private int[] Starts
    {
        get
        {
            if (_codePointStarts is not null) return _codePointStarts;
            var starts = new List<int>(Text.Length + 1);
            for (int i = 0; i < Text.Length; i += char.IsSurrogatePair(Text, i) ? 2 : 1) starts.Add(i);
            starts.Add(Text.Length);
            return _codePointStarts = [.. starts];
        }
    }

    private readonly record struct Run(int Start, int Source);

    /// <summary>Joins texts; neighbours of one origin become one run.</summary>
    public sealed class Builder
    {
        private readonly StringBuilder _text = new();
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
