using SparseRM.Data;
using SparseRM.Data.Containers;

namespace SparseRM.Core.Tests.Data;

/// <summary>What a model is run on for its states alone.</summary>
public sealed class TextRowsTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("one\ntwo é😀\n", "1:one", "2:two é😀")]
    [InlineData("one\r\n\n  \nlast", "1:one", "4:last")]
    [InlineData("\n\n")]
    [InlineData("")]
    public void A_file_of_txt_has_a_text_a_line(string content, params string[] expected)
    {
        using var source = DataSource.Open(_folder.File("a.txt", content));
        Assert.Equal(expected, TextRows.Of(source).Select(text => $"{text.Line}:{((TextInput)text).Text}"));
    }
}
