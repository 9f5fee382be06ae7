namespace SparseRM.Text.Bpe;

/// <summary>A normalized text cut into pieces, each of which is merged alone; pre-tokenizers change both.</summary>
internal sealed class Pieces
{
    private List<(int Start, int End)> _ranges;

    /// <summary>The characters [start, end) of a text as one piece; none where that is empty.</summary>
    public Pieces(AlignedText aligned, int start, int end) => (Aligned, _ranges) = (aligned, start < end ? [(start, end)] : []);

    /// <summary>The text.</summary>
    public AlignedText Aligned { get; private set; }

    /// <summary>The pieces in order; none is empty.</summary>
    public IReadOnlyList<(int Start, int End)> Ranges => _ranges;

    /// <summary>Replaces every piece by those that <paramref name="split"/> appends for it; empty ones are left out.</summary>
    public void Split(Action<(int Start, int End), List<(int Start, int End)>> split)
    {
        var parts = new List<(int Start, int End)>(_ranges.Count);
        foreach (var range in _ranges) split(range, parts);
        parts.RemoveAll(part => part.Start == part.End);
        _ranges = parts;
    }

    /// <summary>Puts <paramref name="prefix"/> before every piece that <paramref name="needs"/> it.</summary>
    public void Prepend(string prefix, Func<(int Start, int End), bool> needs)
    {
        var insertions = new List<(int Start, int End)>();
        int shift = 0;
        for (int i = 0; i < _ranges.Count; i++)
        {
            var (start, end) = _ranges[i];
            int before = shift;
            if (needs((start, end)))
            {
                insertions.Add((start, start));
                shift += prefix.Length;
            }
            _ranges[i] = (start + before, end + shift);
        }
        Aligned = Aligned.With(insertions, prefix);
    }

    /// <summary>Writes every <paramref name="old"/> as <paramref name="replacement"/>.</summary>
    public void Replace(char old, char replacement) => Aligned = Aligned.WithCharacter(old, replacement);

    /// <summary>Spells the text in the alphabet of byte-level vocabularies.</summary>
    public void SpellAsBytes()
    {
        Aligned = Aligned.SpelledAsBytes(out int[] positions);
        for (int i = 0; i < _ranges.Count; i++) _ranges[i] = (positions[_ranges[i].Start], positions[_ranges[i].End]);
    }
}
