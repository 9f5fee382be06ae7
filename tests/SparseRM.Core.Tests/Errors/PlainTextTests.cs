using SparseRM.Errors;

namespace SparseRM.Core.Tests.Errors;

public class PlainTextTests
{
    [Theory]
    [InlineData("plain: \"ä\" 你 😀", "plain: \"ä\" 你 😀")]
    [InlineData("\u001b[2Jx\u0007", "\\u001b[2Jx\\u0007")]
    [InlineData("a\nb\tc\u0085\u007f", "a\\u000ab\\u0009c\\u0085\\u007f")]
    [InlineData("abc\u202Edef\u2066\u2028", "abc\\u202edef\\u2066\\u2028")]
    public void What_would_act_on_a_terminal_is_escaped(string text, string expected) => Assert.Equal(expected, PlainText.Escape(text));

    [Fact]
    public void Halves_of_surrogate_pairs_are_escaped()
    {
        Assert.Equal("\\ud83dx", PlainText.Escape("\ud83dx"));
        Assert.Equal("x\\ude00", PlainText.Escape("x\ude00"));
        Assert.Equal("x\\ud83d", PlainText.Escape("x\ud83d"));
    }

    [Fact]
    public void A_very_long_text_loses_its_middle()
    {
        string escaped = PlainText.Escape(new string('a', 1 << 20) + "end");
        Assert.InRange(escaped.Length, 4000, 4010);
        Assert.EndsWith("end", escaped);
    }

    [Fact]
    public void Every_error_of_the_library_is_plain()
    {
        SparseRMException[] errors =
        [
            new ModelFormatException("m\u001b[31m", "has tensor \"\u0007\""), new DataFormatException("d\u001b", 3, "x\ny"), new BackendException("b", "\u001b"),
            new ShapeMismatchException("op", "\r"), new SparseRMException("\u009b", new InvalidOperationException()),
        ];
        Assert.All(errors, error => Assert.DoesNotContain(error.Message, char.IsControl));
    }
}
