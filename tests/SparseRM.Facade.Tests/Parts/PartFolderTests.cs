using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using ParquetSharp;
using SparseRM.Backends;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Parts;

namespace SparseRM.Facade.Tests.Parts;

/// <summary>No part stands beside another's, and what fails keeps nobody out.</summary>
public sealed class PartFolderTests(FittedReward reward) : PartTests(reward)
{
    [Fact]
    public void Parts_of_another_input_or_by_other_means_are_refused_by_name()
    {
        using var scorer = Reward.Open();
        Score(scorer, "out", new(0, 10));
        string text = File.ReadAllText(Input());
        File.WriteAllText(Input(), text.Replace("[2, 8, 9", "[2, 9, 9"));
        Refused("another text of rows 0:10", () => Score(scorer, "out", new(0, 10)));
        File.WriteAllText(Input(), text + "\n");
        Refused("with", () => Score(scorer, "out", new(20, 30)));
        File.WriteAllText(Input(), text);
        Refused("not in jsonl.gz", () => Score(scorer, "out", new(20, 30), RowFormat.GzipJsonLines));
        using var other = Reward.Open(World.Backbone with { Variants = new Dictionary<OpKind, string> { [OpKind.MatMul] = "scalar" } });
        Refused("variants matmul=", () => Score(other, "out", new(20, 30)));
        Refused("has 1200 rows", () => Score(scorer, "out", new(1200, 1300)));
        File.WriteAllText(_folder.File("out", "scores.json"), "{}");
        Refused("is no card", () => Score(scorer, "out", new(20, 30)));
    }

    [Fact]
    public void Ranges_that_overlap_are_refused_in_one_folder()
    {
        using var scorer = Reward.Open();
        Score(scorer, "out", new(10, 20));
        foreach (var (start, end) in new[] { (0, 11), (19, 30), (12, 15), (0, 1000) }) Refused($"has the part of rows 10:20, which overlaps rows {start}:{end}", () => Score(scorer, "out", new(start, end)));
        foreach (var (start, end) in new[] { (0, 10), (20, 30), (10, 20) }) Score(scorer, "out", new(start, end));
        Assert.Equal([new(0, 10), new(10, 20), new(20, 30)], PartFolder.Parts(_folder.File("out")));
        // Of another process that was quicker.
        var input = RowFile.Open(Input());
        using var draft = new PartScorer(scorer, new ScoreOptions()).Score(input, new(25, 40), Open(scorer, "out", input, RowFormat.JsonLines));
        Refused("overlaps rows 25:40", () => Open(scorer, "out", input, RowFormat.JsonLines).Publish(draft));
    }

    [Fact]
    public void A_farm_that_is_done_leaves_the_drafts_of_others()
    {
        using var scorer = Reward.Open();
        var input = RowFile.Open(Input());
        var folder = Open(scorer, "out", input, RowFormat.JsonLines);
        var parts = new PartScorer(scorer, new ScoreOptions());
        using (var staged = parts.Score(input, new(0, 20), folder)) folder.Stage(staged, "7");
        string abandoned = _folder.File("out", ".staging", "abandoned.tmp");
        File.WriteAllText(abandoned, "");
        File.SetLastWriteTimeUtc(abandoned, DateTime.UtcNow.AddDays(-2));
        using (var draft = parts.Score(input, new(20, 40), folder))
        {
            PartFolder.RemoveStaged(folder.Path);
            Assert.Single(Directory.GetFiles(_folder.File("out", ".staging")));
            folder.Publish(draft);
        }
        Assert.Equal([new(20, 40)], PartFolder.Parts(folder.Path));
        Assert.False(Directory.Exists(_folder.File("out", ".staging")));
    }

    [Fact]
    public void What_fails_leaves_nothing_that_keeps_others_out()
    {
        using var scorer = Reward.Open();
        var input = RowFile.Open(Input());
        // The folder's path is as long as paths may be with the staging folder's name: no draft can be opened in it.
        string path = _folder.Path;
        while (path.Length < 3850) path = Path.Combine(path, new string('d', Math.Min(200, 4050 - path.Length)));
        path = Path.Combine(path, new string('d', 4060 - path.Length - 1));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var far = PartFolder.Open(path, input, RowFormat.JsonLines, ScoringFingerprint.Of(scorer, Reward.Path, new ScoreOptions(), addEos: false));
        Assert.Throws<SparseRMException>(() => new PartScorer(scorer, new ScoreOptions()).Score(input, new(0, 20), far));
        Assert.Empty(Directory.GetFileSystemEntries(path));

        Assert.ThrowsAny<OperationCanceledException>(() => Score(scorer, "out", new(0, 20), cancel: new CancellationToken(true)));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.File("out")));
        using var other = Reward.Open(World.Backbone with { Variants = new Dictionary<OpKind, string> { [OpKind.MatMul] = "scalar" } });
        // Both opened the folder when it was empty; the first that has a part says what is in it.
        var first = Open(scorer, "out", input, RowFormat.JsonLines);
        Assert.False(Score(other, "out", new(0, 20)).WasThere);
        using var late = new PartScorer(scorer, new ScoreOptions()).Score(input, new(20, 40), first);
        Refused("variants matmul=", () => first.Publish(late));
        Refused("variants matmul=", () => first.Stage(late, "7"));
        Assert.Equal([new(0, 20)], PartFolder.Parts(first.Path));
    }

    [Theory]
    [InlineData("rows-000000000000-000000000020.jsonl", null)]
    [InlineData("rows-000000000000-000000000020.manifest.json", null)]
    [InlineData(".staging/rows-000000000000-000000000020.7.jsonl", "7")]
    [InlineData(".staging/rows-000000000000-000000000020.7.manifest.json", "7")]
    public void A_part_that_gets_no_place_leaves_no_card_that_keeps_others_out(string taken, string? lease)
    {
        using var scorer = Reward.Open();
        using var other = Reward.Open(World.Backbone with { Variants = new Dictionary<OpKind, string> { [OpKind.MatMul] = "scalar" } });
        var input = RowFile.Open(Input());
        var folder = Open(scorer, "out", input, RowFormat.JsonLines);
        string obstacle = _folder.File("out", taken); // a folder has the name of the data, or of the manifest
        void Fails(RowRange rows)
        {
            using var draft = new PartScorer(scorer, new ScoreOptions()).Score(input, rows, folder);
            Directory.CreateDirectory(obstacle);
            Refused("cannot be", () =>
            {
                if (lease is null) folder.Publish(draft);
                else folder.Stage(draft, lease);
            });
            Directory.Delete(obstacle);
        }
        Fails(new(0, 20));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.False(Score(other, "out", new(20, 40)).WasThere);
        Assert.Equal([new(20, 40)], PartFolder.Parts(folder.Path));
        // A card that has a part stays, whoever fails.
        Directory.Delete(folder.Path, recursive: true);
        Directory.CreateDirectory(folder.Path);
        Score(scorer, "out", new(20, 40));
        Fails(new(0, 20));
        Refused("variants matmul=", () => Score(other, "out", new(40, 60)));
    }

    [Fact]
    public void What_a_lost_lease_staged_is_gone()
    {
        using var scorer = Reward.Open();
        var input = RowFile.Open(Input());
        var folder = Open(scorer, "out", input, RowFormat.JsonLines);
        foreach (string lease in (string[])["7", "8"])
        {
            using var draft = new PartScorer(scorer, new ScoreOptions()).Score(input, new(0, 20), folder);
            folder.Stage(draft, lease);
        }
        PartFolder.Unstage(folder.Path, RowFormat.JsonLines, new(0, 20), "7");
        Assert.Equal(2, Directory.GetFiles(_folder.File("out", ".staging"), "*.8.*").Length);
        Assert.Equal([true], PartFolder.PublishStaged(folder.Path, RowFormat.JsonLines, [(new(0, 20), "8")]));
        PartFolder.Unstage(folder.Path, RowFormat.JsonLines, new(0, 20), "8");
        Assert.Equal([new(0, 20)], PartFolder.Parts(folder.Path));
        Assert.False(Directory.Exists(_folder.File("out", ".staging")));
    }

    [Fact]
    public void A_staged_part_is_published_once_whatever_was_done_before()
    {
        using var scorer = Reward.Open();
        var input = RowFile.Open(Input());
        var folder = Open(scorer, "out", input, RowFormat.JsonLines);
        using (var draft = new PartScorer(scorer, new ScoreOptions()).Score(input, new(0, 20), folder)) folder.Stage(draft, "7");
        Assert.Empty(PartFolder.Parts(folder.Path));
        Assert.Equal([false], PartFolder.PublishStaged(folder.Path, RowFormat.JsonLines, [(new(0, 20), "8")]));
        // As if the machine had stopped between the two renames.
        string staged = _folder.File("out", ".staging", "rows-000000000000-000000000020.7.jsonl");
        File.Move(staged, _folder.File("out", "rows-000000000000-000000000020.jsonl"));
        for (int i = 0; i < 2; i++) Assert.Equal([true], PartFolder.PublishStaged(folder.Path, RowFormat.JsonLines, [(new(0, 20), "7")]));
        Assert.Equal([new(0, 20)], PartFolder.Parts(folder.Path));
        Assert.True(Score(scorer, "out", new(0, 20)).WasThere);
    }
}
