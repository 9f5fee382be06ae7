using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using ParquetSharp;
using SparseRM.Backends;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Parts;

namespace SparseRM.Facade.Tests.Parts;

/// <summary>Parts of a file are together what one part of all rows is, done twice they are the same, and no part stands beside another's.</summary>
public sealed class PartScorerTests(FittedReward reward) : IDisposable
{
    private const int Rows = 1200;
    private static readonly int[] s_bad = [5, 6, 1000];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Parts_one_after_another_are_the_part_of_all_rows()
    {
        using var scorer = reward.Open();
        var all = Score(scorer, "all", new(0, Rows)).Part;
        foreach (var (start, end) in new[] { (0, 500), (500, 1001), (1001, 5000) }) Score(scorer, "parts", new(start, end));
        string[] files = [.. Directory.GetFiles(_folder.File("parts"), "rows-*.jsonl").Order()];
        Assert.Equal(3, files.Length);
        byte[] joined = [.. files.SelectMany(File.ReadAllBytes)], whole = File.ReadAllBytes(_folder.File("all", all.Output));
        Assert.Equal(whole, joined);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(whole)), all.OutputSha256);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Input()))), all.InputSha256);
        Assert.Equal((Rows - s_bad.Length + Rows / 10, s_bad.Length), (all.Scores, all.BadCount));
        Assert.Equal([new(5, 7), new(1000, 1001)], all.Bad);
        string[] lines = System.Text.Encoding.UTF8.GetString(whole).Split('\n');
        Assert.StartsWith("""{"score": null, "error": "is not valid JSON""", lines[6]);
        float score = JsonDocument.Parse(lines[7]).RootElement.GetProperty("score").GetSingle();
        Assert.Equal(scorer.ScoreIds([2, 7, 9, 7]), score);
    }

    [Fact]
    public void Done_twice_a_part_is_left_and_damaged_it_is_made_again()
    {
        using var scorer = reward.Open();
        var (first, _) = Score(scorer, "out", new(0, 100));
        string path = _folder.File("out", first.Output);
        var time = File.GetLastWriteTimeUtc(path);
        byte[] bytes = File.ReadAllBytes(path);
        var (again, wasThere) = Score(scorer, "out", new(0, 100));
        Assert.True(wasThere);
        Assert.Equal((time, first.OutputSha256), (File.GetLastWriteTimeUtc(path), again.OutputSha256));
        File.WriteAllBytes(path, bytes[..^3]);
        Assert.False(Score(scorer, "out", new(0, 100)).WasThere);
        Assert.Equal(bytes, File.ReadAllBytes(path));
        File.Delete(path);
        Assert.False(Score(scorer, "out", new(0, 100)).WasThere);
        Assert.Equal(bytes, File.ReadAllBytes(path));
        Assert.False(Directory.Exists(_folder.File("out", ".staging")));
    }

    [Fact]
    public void Parts_of_another_input_or_by_other_means_are_refused_by_name()
    {
        using var scorer = reward.Open();
        Score(scorer, "out", new(0, 10));
        string text = File.ReadAllText(Input());
        File.WriteAllText(Input(), text.Replace("[2, 8, 9", "[2, 9, 9"));
        Refused("another text of rows 0:10", () => Score(scorer, "out", new(0, 10)));
        File.WriteAllText(Input(), text + "\n");
        Refused("with", () => Score(scorer, "out", new(20, 30)));
        File.WriteAllText(Input(), text);
        Refused("not in jsonl.gz", () => Score(scorer, "out", new(20, 30), RowFormat.GzipJsonLines));
        using var other = reward.Open(World.Backbone with { Variants = new Dictionary<OpKind, string> { [OpKind.MatMul] = "scalar" } });
        Refused("variants matmul=", () => Score(other, "out", new(20, 30)));
        Refused("has 1200 rows", () => Score(scorer, "out", new(1200, 1300)));
        File.WriteAllText(_folder.File("out", "scores.json"), "{}");
        Refused("is no card", () => Score(scorer, "out", new(20, 30)));
    }

    [Fact]
    public void Ranges_that_overlap_are_refused_in_one_folder()
    {
        using var scorer = reward.Open();
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
    public void Of_a_packed_input_the_part_that_ends_with_it_is_found_again()
    {
        using var scorer = reward.Open();
        string path = _folder.File("in.jsonl.gz");
        using (var packed = new GZipStream(File.Create(path), CompressionLevel.Fastest)) packed.Write(File.ReadAllBytes(Input()));
        var input = RowFile.Open(path);
        var folder = Open(scorer, "out", input, RowFormat.JsonLines);
        var parts = new PartScorer(scorer, new ScoreOptions());
        var (first, wasThere) = parts.ScoreInto(input, new(1100, 5000), folder);
        Assert.Equal((new RowRange(1100, Rows), false), (first.Rows, wasThere));
        Assert.True(parts.ScoreInto(input, new(1100, 5000), folder).WasThere);
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => RowText.Sha256(input, [new(0, 10)], stop.Token));
    }

    [Fact]
    public void What_a_part_holds_is_compared_whatever_packs_it()
    {
        using var scorer = reward.Open();
        var input = RowFile.Open(Input());
        foreach (var format in Enum.GetValues<RowFormat>())
        {
            var folder = Open(scorer, $"{format}", input, format);
            var parts = new PartScorer(scorer, new ScoreOptions());
            var part = parts.ScoreInto(input, new(0, 30), folder).Part;
            using var again = parts.Score(input, new(0, 30), folder);
            Assert.True(folder.HasContentOf(again));
            using var refused = parts.Refuse(input, new(0, 30), folder, "the worker died");
            Assert.False(folder.HasContentOf(refused));
            File.WriteAllBytes(_folder.File($"{format}", part.Output), [1, 2, 3]);
            Assert.False(folder.HasContentOf(again));
        }
    }

    [Fact]
    public void A_farm_that_is_done_leaves_the_drafts_of_others()
    {
        using var scorer = reward.Open();
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
        using var scorer = reward.Open();
        var input = RowFile.Open(Input());
        // The folder's path is as long as paths may be with the staging folder's name: no draft can be opened in it.
        string path = _folder.Path;
        while (path.Length < 3850) path = Path.Combine(path, new string('d', Math.Min(200, 4050 - path.Length)));
        path = Path.Combine(path, new string('d', 4060 - path.Length - 1));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var far = PartFolder.Open(path, input, RowFormat.JsonLines, ScoringFingerprint.Of(scorer, reward.Path, new ScoreOptions(), addEos: false));
        Assert.Throws<SparseRMException>(() => new PartScorer(scorer, new ScoreOptions()).Score(input, new(0, 20), far));
        Assert.Empty(Directory.GetFileSystemEntries(path));

        Assert.ThrowsAny<OperationCanceledException>(() => Score(scorer, "out", new(0, 20), cancel: new CancellationToken(true)));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.File("out")));
        using var other = reward.Open(World.Backbone with { Variants = new Dictionary<OpKind, string> { [OpKind.MatMul] = "scalar" } });
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
        using var scorer = reward.Open();
        using var other = reward.Open(World.Backbone with { Variants = new Dictionary<OpKind, string> { [OpKind.MatMul] = "scalar" } });
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
        using var scorer = reward.Open();
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
    public void Packed_parts_hold_the_same_lines()
    {
        using var scorer = reward.Open();
        var plain = Score(scorer, "plain", new(0, Rows)).Part;
        string lines = File.ReadAllText(_folder.File("plain", plain.Output));
        var packed = Score(scorer, "packed", new(0, Rows), RowFormat.GzipJsonLines).Part;
        Assert.Equal(plain.LinesSha256, packed.LinesSha256);
        using (var unpacked = new StreamReader(new GZipStream(File.OpenRead(_folder.File("packed", packed.Output)), CompressionMode.Decompress)))
            Assert.Equal(lines, unpacked.ReadToEnd());
        foreach (var (start, end) in new[] { (0, 1024), (1024, Rows) }) Score(scorer, "packed parts", new(start, end), RowFormat.GzipJsonLines);
        Assert.Equal(File.ReadAllBytes(_folder.File("packed", packed.Output)),
            Directory.GetFiles(_folder.File("packed parts"), "*.gz").Order().SelectMany(File.ReadAllBytes));

        var table = Score(scorer, "table", new(0, Rows), RowFormat.Parquet).Part;
        Assert.Equal(plain.LinesSha256, table.LinesSha256);
        using var parquet = new ParquetFileReader(_folder.File("table", table.Output));
        using var group = parquet.RowGroup(0);
        Assert.Equal(lines.TrimEnd('\n').Split('\n'), group.Column(4).LogicalReader<string>().ReadAll(Rows));
        Assert.Equal(s_bad.Select(row => (long)row), group.Column(1).LogicalReader<float?>().ReadAll(Rows).Select((score, row) => (score, row: (long)row))
            .Where(pair => pair.score is null && pair.row % 10 != 1).Select(pair => pair.row));
        // Row by row what the lines say: one score, several of which some may be absent, or why there is none.
        var single = group.Column(1).LogicalReader<float?>().ReadAll(Rows);
        var several = group.Column(2).LogicalReader<float?[]?>().ReadAll(Rows);
        var errors = group.Column(3).LogicalReader<string?>().ReadAll(Rows);
        Assert.Equal(Enumerable.Range(0, Rows).Select(row => (long)row), group.Column(0).LogicalReader<long>().ReadAll(Rows));
        foreach (var (line, row) in lines.TrimEnd('\n').Split('\n').Select((line, row) => (System.Text.Json.JsonElement.Parse(line), row)))
        {
            Assert.Equal(line.TryGetProperty("score", out var one) ? Number(one) : null, single[row]);
            float?[]? many = line.TryGetProperty("scores", out var list) ? [.. list.EnumerateArray().Select(Number)] : null;
            Assert.Equal(many, several[row]);
            Assert.Equal(line.TryGetProperty("error", out var error) ? error.GetString() : null, errors[row]);
        }
        Assert.Equal(2, several[11]!.Length);

        static float? Number(System.Text.Json.JsonElement value) => value.ValueKind == System.Text.Json.JsonValueKind.Null ? null : value.GetSingle();
    }

    [Fact]
    public void A_lowered_limit_ends_the_part_there()
    {
        using var scorer = reward.Open();
        long limit = 300;
        var input = RowFile.Open(Input());
        var folder = Open(scorer, "out", input, RowFormat.JsonLines);
        using var draft = new PartScorer(scorer, new ScoreOptions()).Score(input, new(100, 1000), folder, () => limit);
        Assert.Equal(new RowRange(100, 300), draft.Manifest.Rows);
        folder.Publish(draft);
        var whole = Score(scorer, "other", new(100, 300)).Part;
        Assert.Equal(whole.OutputSha256, draft.Manifest.OutputSha256);
    }

    [Fact]
    public void Refused_rows_have_the_reason_and_no_score()
    {
        using var scorer = reward.Open();
        var input = RowFile.Open(Input());
        var folder = Open(scorer, "out", input, RowFormat.JsonLines);
        using var draft = new PartScorer(scorer, new ScoreOptions()).Refuse(input, new(0, 20), folder, "the worker died");
        folder.Publish(draft);
        Assert.Equal(((long)0, (long)20, "the worker died"), (draft.Manifest.Scores, draft.Manifest.BadCount, draft.Manifest.Refused));
        string[] lines = File.ReadAllLines(_folder.File("out", draft.Manifest.Output));
        Assert.Equal(20, lines.Length);
        Assert.All(lines, line => Assert.EndsWith("\"error\": \"the worker died\"}", line));
        Assert.Contains("\"scores\": [null, null]", lines[11]);
        Assert.DoesNotContain(lines, line => line.Contains("\"score\": 0"));
    }

    [Fact]
    public void A_staged_part_is_published_once_whatever_was_done_before()
    {
        using var scorer = reward.Open();
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

    [Fact]
    public void Another_version_is_taken_for_the_same_only_where_known_answers_have_the_same_bits()
    {
        using var scorer = reward.Open();
        var own = ScoringFingerprint.Of(scorer, reward.Path, new ScoreOptions(), addEos: false);
        Assert.Equal(64, own["known_answers"].Length);
        Assert.Null(own.DifferenceFrom(own));
        Assert.Null(own.DifferenceFrom(With(own, ("engine_version", "9"), ("kernels", "ff"))));
        Assert.Contains("engine version 9", own.DifferenceFrom(With(own, ("engine_version", "9"), ("known_answers", new string('0', 64)))));
        Assert.Contains("engine version 9", With(own, ("known_answers", "")).DifferenceFrom(With(own, ("engine_version", "9"), ("known_answers", ""))));
        foreach (string name in ScoringFingerprint.Names.Where(name => name is not ("engine_version" or "kernels" or "known_answers")))
            Assert.StartsWith(name.Replace('_', ' '), own.DifferenceFrom(With(own, (name, "other"))));
        Assert.Contains("explain 3 by 5 tokens", own.DifferenceFrom(ScoringFingerprint.Of(scorer, reward.Path, new ScoreOptions { Explain = 3 }, addEos: false)));
    }

    private static ScoringFingerprint With(ScoringFingerprint own, params (string Name, string Value)[] changes) =>
        new([.. ScoringFingerprint.Names.Select((name, i) => changes.FirstOrDefault(change => change.Name == name) is { Name: not null } change ? change.Value : own.Values[i])]);

    private static void Refused(string part, Action act)
    {
        var error = Assert.ThrowsAny<SparseRMException>(act);
        Assert.Contains(part, error.Message);
    }

    private (PartManifest Part, bool WasThere) Score(RewardScorer scorer, string output, RowRange rows, RowFormat format = RowFormat.JsonLines, CancellationToken cancel = default)
    {
        var input = RowFile.Open(Input());
        return new PartScorer(scorer, new ScoreOptions()).ScoreInto(input, rows, Open(scorer, output, input, format), cancel: cancel);
    }

    private PartFolder Open(RewardScorer scorer, string output, RowFile input, RowFormat format) =>
        PartFolder.Open(_folder.File(output), input, format, ScoringFingerprint.Of(scorer, reward.Path, new ScoreOptions(), addEos: false));

    // Short rows of ids, one of ten with two answers, three bad.
    private string Input()
    {
        string path = _folder.File("in.jsonl");
        if (!File.Exists(path))
        {
            File.WriteAllLines(path, Enumerable.Range(0, Rows).Select(i => s_bad.Contains(i) ? $"{{bad {i}"
                : i % 10 == 1 ? $$"""{"prompt": "What is {{i}}?", "responses": ["It is.", "{{i}}."]}""" : $$"""{"ids": [2, {{i % 50}}, 9, 7], "id": {{i}}}"""));
        }
        return path;
    }
}
