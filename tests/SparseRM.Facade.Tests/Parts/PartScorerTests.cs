using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using ParquetSharp;
using SparseRM.Backends;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Parts;

namespace SparseRM.Facade.Tests.Parts;

/// <summary>Parts of a file are together what one part of all rows is, and done twice they are the same.</summary>
public sealed class PartScorerTests(FittedReward reward) : PartTests(reward)
{
    [Fact]
    public void Parts_one_after_another_are_the_part_of_all_rows()
    {
        using var scorer = Reward.Open();
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
        using var scorer = Reward.Open();
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
    public void Of_a_packed_input_the_part_that_ends_with_it_is_found_again()
    {
        using var scorer = Reward.Open();
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
        using var scorer = Reward.Open();
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
    public void Packed_parts_hold_the_same_lines()
    {
        using var scorer = Reward.Open();
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
        using var scorer = Reward.Open();
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
        using var scorer = Reward.Open();
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
    public void Another_version_is_taken_for_the_same_only_where_known_answers_have_the_same_bits()
    {
        using var scorer = Reward.Open();
        var own = ScoringFingerprint.Of(scorer, Reward.Path, new ScoreOptions(), addEos: false);
        Assert.Equal(64, own["known_answers"].Length);
        Assert.Null(own.DifferenceFrom(own));
        Assert.Null(own.DifferenceFrom(With(own, ("engine_version", "9"), ("kernels", "ff"))));
        Assert.Contains("engine version 9", own.DifferenceFrom(With(own, ("engine_version", "9"), ("known_answers", new string('0', 64)))));
        Assert.Contains("engine version 9", With(own, ("known_answers", "")).DifferenceFrom(With(own, ("engine_version", "9"), ("known_answers", ""))));
        foreach (string name in ScoringFingerprint.Names.Where(name => name is not ("engine_version" or "kernels" or "known_answers")))
            Assert.StartsWith(name.Replace('_', ' '), own.DifferenceFrom(With(own, (name, "other"))));
        Assert.Contains("explain 3 by 5 tokens", own.DifferenceFrom(ScoringFingerprint.Of(scorer, Reward.Path, new ScoreOptions { Explain = 3 }, addEos: false)));
    }
}
