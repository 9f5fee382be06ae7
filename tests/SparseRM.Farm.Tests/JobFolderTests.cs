using System.Security.Cryptography;
using System.Text;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Farm.Jobs;
using SparseRM.Parts;

namespace SparseRM.Farm.Tests;

/// <summary>Parts count as done only where they are of the job's input and as their manifests say.</summary>
public sealed class JobFolderTests : IDisposable
{
    private static readonly ScoringFingerprint s_means = new([.. ScoringFingerprint.Names.Select(name => $"{name} of the folder")]);
    private readonly TemporaryFolder _folder = new();

    public JobFolderTests()
    {
        Write(row => $"answer {row}");
        Directory.CreateDirectory(Output);
        using (var card = File.Create(_folder.File("scores", "scores.json"))) new PartCard("in.jsonl", new FileInfo(Input).Length, RowFormat.JsonLines, s_means).WriteTo(card);
        foreach (var rows in new RowRange[] { new(0, 2), new(2, 4), new(6, 8) }) Part(rows);
    }

    private string Input => _folder.File("in.jsonl");

    private string Output => _folder.File("scores");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Whole_parts_are_done_and_damaged_ones_are_made_again_by_the_cards_means()
    {
        File.AppendAllText(_folder.File("scores", "rows-000000000002-000000000004.jsonl"), "more");
        var (state, fingerprint) = JobFolder.Begin(Spec(), []);
        Assert.Equal(s_means.Values, fingerprint);
        Assert.Equal([new(2, 6)], state.Free);
        Assert.Equal((8L, 4L, 2L), (state.Next, state.DoneRows, state.BadRows));
        // A part of other bounds may take its place, so nothing of it is left.
        Assert.Equal([new(0, 2), new(6, 8)], PartFolder.Parts(Output));
        Assert.Empty(Directory.GetFiles(Output, "rows-000000000002*"));
    }

    [Fact]
    public void Another_text_of_as_many_rows_and_bytes_is_refused()
    {
        Write(row => row == 7 ? "ANSWER 7" : $"answer {row}");
        Refused("rows-000000000006-000000000008.jsonl was made of another text of rows 6:8");
        // Rows that no part has may be anything.
        Write(row => row == 5 ? "ANSWER 5" : $"answer {row}");
        Assert.Equal(6, JobFolder.Begin(Spec(), []).State.DoneRows);
        Assert.Equal(3, PartFolder.Parts(Output).Count);
    }

    [Fact]
    public void Another_name_size_or_format_is_refused_as_are_parts_without_a_card()
    {
        Write(row => $"another answer {row}");
        Refused("has parts of in.jsonl with");
        Write(row => $"answer {row}");
        File.Copy(Input, _folder.File("other.jsonl"));
        Refused("not of other.jsonl", Spec() with { Input = _folder.File("other.jsonl") });
        Refused("not of other.jsonl", Spec() with { Input = _folder.File("other.jsonl"), IsAudit = true });
        Refused("has parts in jsonl, not in parquet", Spec() with { Format = "parquet" });
        Refused("there is no such file", Spec() with { Input = _folder.File("none.jsonl") });
        File.Delete(_folder.File("scores", "scores.json"));
        Refused("no card");
        Assert.Equal(3, PartFolder.Parts(Output).Count);
    }

    [Fact]
    public void An_audit_is_for_silos_with_the_cards_means()
    {
        var (state, fingerprint) = JobFolder.Begin(Spec() with { IsAudit = true }, [new(0, 2, Maker: "a:1")]);
        Assert.Equal(s_means.Values, fingerprint);
        Assert.Equal((10L, "a:1"), (state.Next, state.Free.Single().Maker));
        Assert.Null(JobFolder.Begin(Spec() with { Output = _folder.File("none") }, []).Fingerprint);
    }

    private JobSpec Spec() => new("job", Input, Output, 10, 1000, 3, "jsonl", IsAudit: false);

    private void Write(Func<int, string> text) => File.WriteAllLines(Input, Enumerable.Range(0, 10).Select(row => $$"""{"text": "{{text(row)}}"}"""));

    private void Refused(string part, JobSpec? spec = null) => Assert.Contains(part, Assert.ThrowsAny<SparseRMException>(() => JobFolder.Begin(spec ?? Spec(), [])).Message);

    private void Part(RowRange rows)
    {
        string name = $"rows-{rows.Start:D12}-{rows.End:D12}", lines = string.Concat(Enumerable.Range((int)rows.Start, (int)rows.Count).Select(row => $"{{\"score\": {row}}}\n"));
        File.WriteAllText(_folder.File("scores", name + ".jsonl"), lines);
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines)));
        using var manifest = File.Create(_folder.File("scores", name + ".manifest.json"));
        new PartManifest
        {
            Fingerprint = s_means, Input = "in.jsonl", Rows = rows, InputSha256 = RowText.Sha256(RowFile.Open(Input), [rows])[0], Output = name + ".jsonl", OutputSha256 = hash,
            LinesSha256 = hash, Scores = 1, Truncated = 0, Bad = [new(rows.Start, rows.Start + 1)], MadeBy = "a:1",
        }.WriteTo(manifest);
    }
}
