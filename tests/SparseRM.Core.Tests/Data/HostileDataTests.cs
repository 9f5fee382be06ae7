using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using SparseRM.Data;
using SparseRM.Data.Evaluation;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Data;

/// <summary>Inputs made to take time or memory; each ends in one sentence, soon.</summary>
public sealed class HostileDataTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Gzip_is_bounded_over_the_whole_file_and_over_all_members()
    {
        byte[] member = Pack(64 << 20);
        string path = _folder.File("bomb.jsonl.gz", [.. member, .. member]);
        foreach (Action read in (Action[])[() => PreferenceFile.Read(path), () => ScoreInputFile.Read(path).Count()])
            Assert.Contains("unpacks to over 100 times its size", Assert.Throws<DataFormatException>(read).Message);
        // As much blank text in one member is small enough to look at.
        Assert.EndsWith("holds no lines", Assert.Throws<DataFormatException>(() => ScoreInputFile.Read(_folder.File("blank.jsonl.gz", member)).Count()).Message);
    }

    [Fact]
    public void A_json_document_of_very_many_values_is_refused_before_it_is_parsed()
    {
        string path = _folder.File("values.json", Encoding.ASCII.GetBytes('[' + new string(',', (64 << 20) + 1)));
        Assert.Contains("values as one JSON document; give it as jsonl", Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path)).Message);
    }

    [Fact]
    public void Many_answers_cost_their_number_and_not_its_square()
    {
        const int pairs = 1000;
        string list = string.Join(',', Enumerable.Range(0, pairs).Select(i => $"\"a{i}\""));
        string line = $$"""{"prompt":"q","chosen":[{{list}}],"rejected":[{{list.Replace("a", "b")}}]}""";
        PreferenceSet set = PreferenceFile.Read(_folder.File("most.jsonl", line));
        float[] scores = [.. Enumerable.Range(0, pairs).Select(i => (float)i)];
        EvaluationResult result = PreferenceEvaluation.Evaluate(set, [new ItemScores(scores, scores)]);
        Assert.Equal(new AccuracyCount((long)pairs * (pairs - 1) / 2, (long)pairs * pairs), result.Pairs);

        list = string.Join(',', Enumerable.Range(0, 60_000).Select(i => $"\"a{i}\""));
        line = $$"""{"prompt":"q","chosen":[{{list}}],"rejected":[{{list.Replace("a", "b")}}]}""";
        Assert.Contains("60000 chosen and 60000 rejected answers make over 1000000 pairs",
            Assert.Throws<DataFormatException>(() => PreferenceFile.Read(_folder.File("more.jsonl", line))).Message);
    }

    [Fact]
    public void Answers_that_differ_in_a_tool_call_only_are_told_apart_by_their_hash()
    {
        const int count = 4000;
        Message Call(string name) => new("assistant", null) { Fields = new JsonFields(JsonElement.Parse($$$"""{"tool_calls":[{"function":{"name":"{{{name}}}"}}]}""")) };
        var item = new PreferenceItem([new Message("user", "q")], [.. Enumerable.Range(0, 200).Select(i => new[] { Call($"c{i}") })],
            [.. Enumerable.Range(0, count).Select(i => new[] { Call($"r{i}") })], null, null, 0);
        var watch = Stopwatch.StartNew();
        PreferenceSet.Of([item]);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void Names_from_a_file_carry_no_control_characters()
    {
        PreferenceSet set = PreferenceFile.Read(_folder.File("a.jsonl", """{"prompt":"q","chosen":"a","rejected":"b","subset":"\u001b[31mred\n"}"""));
        Assert.Equal("\\u001b[31mred\\u000a", set.Items[0].Subset);
        string message = Assert.Throws<DataFormatException>(() => PreferenceFile.Read(_folder.File("b.jsonl", """{"\u001b[31m":1,"\r\u202ex":2}"""))).Message;
        Assert.DoesNotContain(message, c => char.IsControl(c) || c == '\u202e');
    }

    [Fact]
    public void Damaged_files_of_every_kind_end_in_a_sentence_or_in_rows()
    {
        byte[][] files = [.. Directory.EnumerateFiles(SharedData.Shipped("field", "data")).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
        byte[][] swaps = [.. ((string[])["\"", "{", "}", "[", "]", "null", "\\ud800", "'", "1e999", "\"role\"", "\n\nHuman:"]).Select(Encoding.UTF8.GetBytes)];
        // Longer runs by hand: SPARSERM_FUZZ=seconds.
        var limit = TimeSpan.FromSeconds(int.TryParse(Environment.GetEnvironmentVariable("SPARSERM_FUZZ"), out int seconds) ? seconds : 3);
        var random = new Random(11);
        var watch = Stopwatch.StartNew();
        for (int trial = 0; trial < 200 || watch.Elapsed < limit; trial++)
        {
            byte[] file = files[random.Next(files.Length)];
            // Short files reach more of the readers in a given time; parquet needs its end.
            List<byte> bytes = [.. file[0] == (byte)'P' ? file : file[..Math.Min(file.Length, random.Next(200, 2000))]];
            for (int edit = random.Next(1, 4); edit > 0; edit--)
            {
                int at = random.Next(file[0] == (byte)'P' && random.Next(2) == 0 ? bytes.Count - 600 : 0, bytes.Count);
                if (random.Next(2) == 0) bytes[at] = (byte)random.Next(256);
                else bytes.InsertRange(at, swaps[random.Next(swaps.Length)]);
            }
            string path = _folder.File("a", [.. bytes]);
            string? format = random.Next(4) == 0 ? PreferenceFile.FormatNames[random.Next(PreferenceFile.FormatNames.Count)] : null;
            Tries(() => PreferenceFile.Read(path, new() { SkipBad = random.Next(2) == 0, Format = format }));
            Tries(() => ScoreInputFile.Read(path, new ScoreInputOptions { KeepBad = true }).Count());
        }

        static void Tries(Action read)
        {
            try
            {
                read();
            }
            catch (DataFormatException e)
            {
                Assert.True(e.Message.Length > 0);
            }
        }
    }

    [Fact]
    public async Task Standard_input_that_is_closed_is_said_at_once()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("descriptors are looked at on Linux only");
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" \"$1\" <&-", Environment.ProcessPath!, "--list-tests"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment[ClosedInput.Variable] = "1";
        using Process process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        string output = await process.StandardOutput.ReadToEndAsync(limit.Token);
        Assert.Contains("-: cannot be read (standard input is closed)", output);
    }

    private static byte[] Pack(int zeros)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            byte[] block = Encoding.ASCII.GetBytes(new string('\n', 1 << 16));
            for (int i = 0; i < zeros; i += block.Length) gzip.Write(block);
        }
        return packed.ToArray();
    }
}
