namespace SparseRM.Text.Bpe;

/// <summary>Where in a text special tokens are recognised: everywhere, or only in what the chat template wrote.</summary>
internal sealed class MarkZones
{
    private readonly List<(int Start, int End)>? _zones;

    private MarkZones(List<(int Start, int End)>? zones) => _zones = zones;

    /// <summary>The whole text.</summary>
    public static MarkZones Everywhere { get; } = new(null);

    /// <summary>The spans that belong to the template; those that touch are one zone.</summary>
    public static MarkZones Of(RenderedDialogue dialogue)
    {
        var zones = new List<(int Start, int End)>();
        foreach (var span in dialogue.Spans)
        {
            if (span.MessageIndex != TextSpan.Template || span.Start == span.End) continue;
            if (zones.Count > 0 && zones[^1].End == span.Start) zones[^1] = (zones[^1].Start, span.End);
            else zones.Add((span.Start, span.End));
        }
        return new MarkZones(zones);
    }

    /// <summary>Whether [<paramref name="start"/>, <paramref name="end"/>) lies within one zone.</summary>
    public bool Allows(int start, int end)
    {
        if (_zones is null) return true;
        var (low, high) = (0, _zones.Count);
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_zones[middle].End < end) low = middle + 1;
            else high = middle;
        }
        return low < _zones.Count && _zones[low].Start <= start;
    }
}
