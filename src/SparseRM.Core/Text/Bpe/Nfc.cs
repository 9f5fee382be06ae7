using System.Globalization;
using System.Text;

namespace SparseRM.Text.Bpe;

/// <summary>Unicode normalisation form C with the way back: which original characters each normalised one comes from.</summary>
/// <remarks>Ours, because <see cref="string.Normalize()"/> leaves text as it is under invariant globalization, which the command line runs
/// in.</remarks>
internal static class Nfc
{
    private const int HangulBase = 0xAC00, LBase = 0x1100, VBase = 0x1161, TBase = 0x11A7, LCount = 19, VCount = 21, TCount = 28,
        SCount = LCount * VCount * TCount;
    private static readonly Dictionary<int, byte> s_class = [];
    private static readonly Dictionary<int, (int First, int Second)> s_decomposition = [];
    private static readonly Dictionary<(int First, int Second), int> s_composition = [];
    private static readonly HashSet<int> s_seconds = [];

    static Nfc()
    {
        using var stream = typeof(Nfc).Assembly.GetManifestResourceStream("SparseRM.Text.nfc.txt")!;
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#')) continue;
            string[] parts = line.Split(' ');
            if (parts[0] == "c")
            {
                byte combiningClass = byte.Parse(parts[1], CultureInfo.InvariantCulture);
                for (int code = Hex(parts[2]); code <= Hex(parts[3]); code++) s_class[code] = combiningClass;
                continue;
            }
            var pair = (Hex(parts[2]), parts.Length > 3 ? Hex(parts[3]) : -1);
            s_decomposition[Hex(parts[1])] = pair;
            if (parts[0] != "d") continue;
            s_composition[pair] = Hex(parts[1]);
            s_seconds.Add(pair.Item2);
        }
    }

    /// <summary>The normalised text; <paramref name="origin"/> is null where nothing changed, else the original range of each normalised
    /// character.</summary>
    public static string Normalize(string text, out (int Start, int End)[]? origin)
    {
        origin = null;
        // Nothing below U+0300 combines, and nothing below it decomposes without composing again.
        if (!text.AsSpan().ContainsAnyInRange('\u0300', '\uFFFF')) return text;
        var result = new StringBuilder(text.Length);
        var ranges = new List<(int, int)>(text.Length);
        var chunk = new List<(int Code, int Class)>();
        for (int start = 0; start < text.Length;)
        {
            int end = start;
            chunk.Clear();
            do
            {
                Rune.DecodeFromUtf16(text.AsSpan(end), out var rune, out int length);
                Decompose(rune.Value, chunk);
                end += length;
            }
            while (end < text.Length && !IsBoundary(text, end));
            Order(chunk);
            foreach (int code in Compose(chunk)) result.Append(char.ConvertFromUtf32(code));
            while (ranges.Count < result.Length) ranges.Add((start, end));
            start = end;
        }
        string normalized = result.ToString();
        if (string.Equals(normalized, text, StringComparison.Ordinal)) return text;
        origin = [.. ranges];
        return normalized;
    }

    private static bool IsBoundary(string text, int at)
    {
        Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out _);
        int code = rune.Value;
        if (code < 0x300) return true;
        while (s_decomposition.TryGetValue(code, out var pair)) code = pair.First;
        return Class(code) == 0 && !s_seconds.Contains(code) && code is not (>= VBase and < VBase + VCount)
            and not (> TBase and < TBase + TCount);
    }

    private static void Decompose(int code, List<(int, int)> chunk)
    {
        if (code is >= HangulBase and < HangulBase + SCount)
        {
            int s = code - HangulBase;
            chunk.Add((LBase + s / (VCount * TCount), 0));
            chunk.Add((VBase + s % (VCount * TCount) / TCount, 0));
            if (s % TCount != 0) chunk.Add((TBase + s % TCount, 0));
        }
        else if (s_decomposition.TryGetValue(code, out var pair))
        {
            Decompose(pair.First, chunk);
            if (pair.Second >= 0) Decompose(pair.Second, chunk);
        }
        else chunk.Add((code, Class(code)));
    }

    private static void Order(List<(int Code, int Class)> chunk)
    {
        for (int i = 0; i < chunk.Count;)
        {
            int end = i + 1;
            if (chunk[i].Class != 0)
            {
                while (end < chunk.Count && chunk[end].Class != 0) end++;
                if (end - i > 1)
                {
                    var marks = chunk.GetRange(i, end - i).OrderBy(mark => mark.Class).ToArray();
                    for (int k = 0; k < marks.Length; k++) chunk[i + k] = marks[k];
                }
            }
            i = end;
        }
    }

    private static List<int> Compose(List<(int Code, int Class)> chunk)
    {
        var result = new List<int>(chunk.Count);
        int starter = -1, lastClass = 0;
        foreach (var (code, combiningClass) in chunk)
        {
            bool blocked = starter >= 0 && result.Count - 1 > starter && (lastClass >= combiningClass || lastClass == 0);
            if (starter >= 0 && !blocked && TryCompose(result[starter], code, out int composed))
            {
                result[starter] = composed;
                continue;
            }
            result.Add(code);
            lastClass = combiningClass;
            if (combiningClass == 0) starter = result.Count - 1;
        }
        return result;
    }

    private static bool TryCompose(int first, int second, out int composed)
    {
        composed = 0;
        if (first is >= LBase and < LBase + LCount && second is >= VBase and < VBase + VCount)
            composed = HangulBase + ((first - LBase) * VCount + second - VBase) * TCount;
        else if (first is >= HangulBase and < HangulBase + SCount && (first - HangulBase) % TCount == 0 && second is > TBase
            and < TBase + TCount)
            composed = first + second - TBase;
        else return s_composition.TryGetValue((first, second), out composed);
        return true;
    }

    private static int Class(int code) => s_class.GetValueOrDefault(code);

    private static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
