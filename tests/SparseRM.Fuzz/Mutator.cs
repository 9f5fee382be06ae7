using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace SparseRM.Fuzz;

/// <summary>Changes inputs: flipped bits, numbers at the edges of their types, blocks that move, repeat, vanish or come from another seed, words of the format.</summary>
internal sealed class Mutator(Random random, IReadOnlyList<byte[]> seeds, IReadOnlyList<string> words)
{
    private const int MaxLength = 1 << 16;

    private static readonly long[] s_edges =
        [0, 1, -1, 127, 128, 255, 256, 32767, 65535, int.MaxValue, int.MinValue, uint.MaxValue, long.MaxValue, long.MinValue, 1L << 40];

    private static readonly string[] s_numbers =
        ["0", "-1", "1e999", "-0.0", "NaN", "Infinity", "1.5", "2147483648", "99999999999999999999", "4294967295", "true", "null", "\"\"", "[]", "{}"];

    private static readonly string[] s_texts =
        ["\\ud83d", "\\u0000", "\u001b[2J", "\uFEFF", "\u202E", "\r", "\n", "\"", "\\", "{", "[", "]", "}", ",", ":", "\u2581", "\U0001F600", "\0"];

    /// <summary>One of the seeds with one to eight changes.</summary>
    public byte[] Next()
    {
        var input = new List<byte>(seeds[random.Next(seeds.Count)]);
        for (int changes = 1 << random.Next(4); changes > 0; changes--) Change(input);
        if (input.Count > MaxLength) input.RemoveRange(MaxLength, input.Count - MaxLength);
        return [.. input];
    }

    private void Change(List<byte> input)
    {
        int at = random.Next(input.Count + 1);
        switch (random.Next(13))
        {
            case 0 when at < input.Count:
                input[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when at < input.Count:
                input[at] = (byte)random.Next(256);
                break;
            case 2:
                input.RemoveRange(at, Math.Min(Length(), input.Count - at));
                break;
            case 3:
                input.InsertRange(at, Block(input));
                break;
            case 4:
                var block = Block(input);
                for (int copies = random.Next(2, 200); copies > 0 && input.Count < MaxLength; copies--) input.InsertRange(at, block);
                break;
            case 5:
                input.InsertRange(at, Block([.. seeds[random.Next(seeds.Count)]]));
                break;
            case 6:
                WriteEdge(input, at);
                break;
            case 7 or 8:
                ReplaceNumber(input, at);
                break;
            case 9:
                input.InsertRange(at, Encoding.UTF8.GetBytes(s_texts[random.Next(s_texts.Length)]));
                break;
            case 10 or 11 when words.Count > 0:
                ReplaceWord(input, at);
                break;
            case 12:
                if (random.Next(4) == 0) input.RemoveRange(at, input.Count - at);
                break;
        }
    }

    private int Length() => 1 << random.Next(10);

    private byte[] Block(List<byte> source)
    {
        int start = random.Next(source.Count + 1);
        return [.. source.GetRange(start, Math.Min(Length(), source.Count - start))];
    }

    private void WriteEdge(List<byte> input, int at)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, s_edges[random.Next(s_edges.Length)] + random.Next(-1, 2));
        int width = 1 << random.Next(4);
        for (int i = 0; i < width && at + i < input.Count; i++) input[at + i] = bytes[i];
    }

    // The next run of digits from here on becomes another number.
    private void ReplaceNumber(List<byte> input, int at)
    {
        int start = input.FindIndex(Math.Min(at, input.Count), b => char.IsAsciiDigit((char)b));
        if (start < 0) return;
        int end = start;
        while (end < input.Count && char.IsAsciiDigit((char)input[end])) end++;
        input.RemoveRange(start, end - start);
        string number = random.Next(3) == 0 ? random.Next(-5, 5000).ToString(CultureInfo.InvariantCulture) : s_numbers[random.Next(s_numbers.Length)];
        input.InsertRange(start, Encoding.ASCII.GetBytes(number));
    }

    // A word of the format is written here, or takes the place of the next word.
    private void ReplaceWord(List<byte> input, int at)
    {
        byte[] word = Encoding.UTF8.GetBytes(words[random.Next(words.Count)]);
        if (random.Next(2) == 0)
        {
            int start = input.FindIndex(Math.Min(at, input.Count), b => char.IsAsciiLetter((char)b));
            if (start >= 0)
            {
                int end = start;
                while (end < input.Count && (char.IsAsciiLetterOrDigit((char)input[end]) || input[end] == '_')) end++;
                input.RemoveRange(start, end - start);
                at = start;
            }
        }
        input.InsertRange(at, word);
    }
}
