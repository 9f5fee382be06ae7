using System.IO.Compression;
using System.Text;
using SparseRM.Data;
using SparseRM.Research.Baselines;
using SparseRM.Text;

namespace SparseRM.Research.Tests;

public sealed class OutsideScoresTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    // Two items: a has one answer on either side, b two rejected ones.
    private static readonly PreferenceSet s_data = PreferenceSet.Of([Item("a", "yes", "no"), Item("b", "four", "five", "six")], "pairs");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("1.5\n-2\n\n0.25\n0\n3e-1\n")]
    [InlineData("{\"score\": 1.5}\n{\"score\": -2}\n{\"score\": 0.25, \"prompt\": \"x\"}\n{\"score\": 0}\n{\"score\": 0.3}")]
    [InlineData("{\"id\": \"b\", \"chosen\": 0.25, \"rejected\": [0, 0.3]}\n{\"id\": \"a\", \"chosen\": [1.5], \"rejected\": -2}\n")]
    public void Reads_scores_in_order_or_by_id(string text)
    {
        var scores = OutsideScores.Read(Written(text), s_data);
        Assert.Equal([1.5f], scores[0].Chosen);
        Assert.Equal([-2f], scores[0].Rejected);
        Assert.Equal([0.25f], scores[1].Chosen);
        Assert.Equal([0f, 0.3f], scores[1].Rejected);
        string packed = _folder.File("scores.jsonl.gz");
        using (var gzip = new GZipStream(File.Create(packed), CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(text));
        Assert.Equal(scores.SelectMany(item => item.Chosen.Concat(item.Rejected)), OutsideScores.Read(packed, s_data).SelectMany(item => item.Chosen.Concat(item.Rejected)));
    }

    [Theory]
    [InlineData("", "holds no scores")]
    [InlineData("1\n2\n3\n4\n", "holds 4 scores", "5 answers")]
    [InlineData("0.5\n0.5\n0.5\n0.5\n0.5\n", "all 5 scores are 0.5")]
    [InlineData("1\nNaN\n", "line 2", "not valid JSON")]
    [InlineData("1\n1e999\n2\n3\n4\n", "line 2", "1e999 is no score", "finite")]
    [InlineData("1\n\"2\"\n", "line 2", "\"2\" is no score")]
    [InlineData("1\n{\"id\": \"a\", \"chosen\": 1, \"rejected\": 0}\n", "line 2", "another form")]
    [InlineData("{\"id\": \"a\", \"chosen\": 1, \"rejected\": 0}\n5\n", "line 2", "another form")]
    [InlineData("{\"chosen\": 1, \"rejected\": 0}\n", "line 1", "neither score nor id")]
    [InlineData("{\"id\": \"a\", \"chosen\": 1, \"rejected\": 0}\n", "no scores for 1 of the 2 items", "'b'")]
    [InlineData("{\"id\": \"a\", \"chosen\": 1, \"rejected\": 0}\n{\"id\": \"a\", \"chosen\": 1, \"rejected\": 0}\n", "line 2", "'a'", "already")]
    [InlineData("{\"id\": \"c\", \"chosen\": 1, \"rejected\": 0}\n", "line 1", "no item with the id 'c'")]
    [InlineData("{\"id\": \"b\", \"chosen\": 1, \"rejected\": 0}\n", "line 1", "rejected has 1 scores for 2 answers")]
    [InlineData("{\"id\": \"a\", \"chosen\": 1}\n", "line 1", "no field rejected")]
    [InlineData("{\"id\": \"a\", \"chosen\": null, \"rejected\": 0}\n", "line 1", "null is no score")]
    [InlineData("{\"id\": [1], \"chosen\": 1, \"rejected\": 0}\n", "line 1", "the id is [1]")]
    public void Refuses_what_it_cannot_tell_whose_it_is(string text, params string[] parts) => World.Refuses(() => OutsideScores.Read(Written(text), s_data), parts);

    [Fact]
    public void Ids_that_the_data_lack_or_have_twice_are_refused()
    {
        string path = Written("{\"id\": \"a\", \"chosen\": 1, \"rejected\": 0}\n");
        World.Refuses(() => OutsideScores.Read(path, PreferenceSet.Of([Item(null, "yes", "no")], "pairs")), "pairs", "no id", "one score a line");
        World.Refuses(() => OutsideScores.Read(path, PreferenceSet.Of([Item("a", "yes", "no"), Item("a", "x", "y")], "pairs")), "'a' occurs twice");
        World.Refuses(() => OutsideScores.Read(_folder.File("none.jsonl"), s_data), "none.jsonl", "cannot be read", "no such file");
        World.Refuses(() => OutsideScores.Read(Path.GetDirectoryName(path)!, s_data), "cannot be read", "a folder");
    }

    private string Written(string text)
    {
        File.WriteAllText(_folder.File("scores.jsonl"), text);
        return _folder.File("scores.jsonl");
    }

    private static PreferenceItem Item(string? id, string chosen, params string[] rejected) =>
        new([new Message("user", "?")], [[new Message("assistant", chosen)]], [.. rejected.Select(text => new Message[] { new("assistant", text) })], null, id, 0);
}
