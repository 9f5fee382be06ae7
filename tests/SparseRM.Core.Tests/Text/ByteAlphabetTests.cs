using SparseRM.Text.Bpe;

namespace SparseRM.Core.Tests.Text;

/// <summary>GPT-2's alphabet: 188 bytes that print stand for themselves, the other 68 are U+0100 to U+0143 in their order.</summary>
public sealed class ByteAlphabetTests
{
    [Fact]
    public void Every_byte_has_a_letter_and_no_other_letter_is_a_byte()
    {
        byte[] all = [.. Enumerable.Range(0, 256).Select(b => (byte)b)];
        string spelled = ByteAlphabet.Spell(all);
        Assert.Equal(256, spelled.Distinct().Count());
        Assert.Equal(all, ByteAlphabet.TryDecode(spelled));
        Assert.Equal(('!', '\u0120', '\u010A', '\u0143'), (ByteAlphabet.CharOf((byte)'!'), ByteAlphabet.CharOf((byte)' '), ByteAlphabet.CharOf((byte)'\n'), ByteAlphabet.CharOf(0xAD)));
        for (char c = '\0'; c < 0x400; c++)
            Assert.Equal(spelled.Contains(c) ? [(byte)spelled.IndexOf(c)] : null, ByteAlphabet.TryDecode(c.ToString()));
    }
}
