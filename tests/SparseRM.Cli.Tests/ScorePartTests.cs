using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary><c>score --rows</c>: parts are together what <c>score</c> writes, and what cannot be a part is refused.</summary>
public sealed class ScorePartTests(FittedReward reward)
{
    private string[] Args(params string[] more) => ["score", "--model", FittedReward.Model, "--reward", reward.Path, .. more];

    [Fact]
    public void Parts_one_after_another_are_what_score_writes()
    {
        using var folder = new TemporaryFolder();
        string input = folder.File("in.jsonl"), output = folder.File("scores");
        File.WriteAllLines(input, Enumerable.Range(0, 60).Select(i => i switch
        {
            7 => "{not json",
            8 => $"{{\"ids\": [{string.Join(", ", Enumerable.Repeat(7, 600))}]}}",
            9 => "",
            10 => """{"prompt": "What is the capital of France?", "responses": ["Paris.", ""]}""",
            _ => $$"""{"id": {{i}}, "ids": [2, {{i + 7}}, 9]}""",
        }));
        string whole = Cli.Run(Args("--input", input, "--skip-bad")).Succeeded();
        Assert.Contains("--truncate left or right", whole);
        var first = Cli.Run(Args("--input", input, "--rows", "0:30", "--output", output, "--json")).Json();
        Assert.Equal((30, 3, false), (first.GetProperty("rows_end").GetInt32(), first.GetProperty("bad").GetInt32(), first.GetProperty("was_there").GetBoolean()));
        Cli.Run(Args("--input", input, "--rows", "30:", "--output", output)).Succeeded();
        string[] parts = ["rows-000000000000-000000000030.jsonl", "rows-000000000030-000000000059.jsonl"];
        Assert.Equal(whole, string.Concat(parts.Select(part => File.ReadAllText(Path.Combine(output, part)))));
        Assert.True(Cli.Run(Args("--input", input, "--rows", "0:30", "--output", output, "--json")).Json().GetProperty("was_there").GetBoolean());

        var manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(output, "rows-000000000000-000000000030.manifest.json"))).RootElement;
        Assert.Equal(3, manifest.GetProperty("bad").GetInt32());
        Assert.Contains("matmul=", manifest.GetProperty("fingerprint").GetProperty("variants").GetString());
        Cli.Run(Args("--input", input, "--rows", "5:9", "--output", output, "--variant", "matmul=scalar")).Failed(1, output, "variants matmul=", "choose another folder");
        Cli.Run(Args("--input", input, "--rows", "5:9", "--output", output, "--doubt", "--json")).FailedInJson(2, "usage", "--doubt");
    }

    [Fact]
    public void Bad_rows_are_counted_and_a_part_or_file_of_bad_rows_alone_fails()
    {
        using var folder = new TemporaryFolder();
        string input = folder.File("in.jsonl"), output = folder.File("scores"), bad = folder.File("bad.jsonl");
        File.WriteAllLines(input, ["{bad", "{bad", "{bad", """{"ids": [2, 7, 9]}"""]);
        for (int i = 0; i < 2; i++)
        {
            var all = Cli.Run(Args("--input", input, "--rows", "0:3", "--output", output, "--json"));
            Assert.Equal(1, all.Code);
            Assert.Contains("no row has a score: all 3 are bad", all.Error);
            Assert.Equal(3, JsonDocument.Parse(all.Out).RootElement.GetProperty("bad").GetInt32());
        }
        Assert.Equal(3, File.ReadAllLines(Path.Combine(output, "rows-000000000000-000000000003.jsonl")).Length);
        Cli.Run(Args("--input", input, "--rows", "3:4", "--output", output)).Succeeded();
        Cli.Run(Args("--input", input, "--rows", "0:4", "--output", folder.File("other"))).Succeeded();
        Cli.Run(Args("--input", input, "--skip-bad", "--output", folder.File("out.jsonl"))).Succeeded();
        File.WriteAllLines(bad, ["{bad", "{bad"]);
        Cli.Run(Args("--input", bad, "--skip-bad", "--output", folder.File("bad scores.jsonl"))).Failed(1, "no row has a score: all 2 are bad");
        Assert.Equal(2, File.ReadAllLines(folder.File("bad scores.jsonl")).Length);
    }

    [Fact]
    public void A_full_disk_leaves_no_part()
    {
        using var folder = new TemporaryFolder();
        string input = folder.File("in.jsonl"), output = folder.File("scores");
        File.WriteAllLines(input, Enumerable.Range(0, 2000).Select(i => $$"""{"note": "{{new string('x', 40)}}", "ids": [2, {{i % 50}}, 9]}"""));
        var result = Cli.Run(new CliInput { FileBlocks = 64 }, Args("--input", input, "--rows", "0:2000", "--output", output));
        result.Failed(1, output, "a part cannot be written", "free space");
        // Not even the card, which would keep others out.
        Assert.Empty(Directory.GetFileSystemEntries(output));
        Cli.Run(Args("--input", input, "--rows", "0:5", "--output", output, "--variant", "matmul=scalar")).Succeeded();
        Assert.Contains("scores.json", Directory.GetFiles(output).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("name it with --output", "--rows", "0:5")]
    [InlineData("not to standard output", "--rows", "0:5", "--output", "-")]
    [InlineData("is no range of rows", "--rows", "5:5", "--output", "out")]
    [InlineData("add --rows", "--part-format", "parquet")]
    [InlineData("is not one of jsonl", "--rows", "0:5", "--part-format", "csv", "--output", "out")]
    public void Options_that_make_no_part_are_refused(string problem, params string[] more) => Cli.Run(Args(["--input", "in.jsonl", .. more])).Failed(2, problem);
}
