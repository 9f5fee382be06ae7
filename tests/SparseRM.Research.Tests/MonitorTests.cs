using System.IO.Compression;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Research.Monitoring;
using SparseRM.Scoring;

namespace SparseRM.Research.Tests;

public sealed class MonitorTests(World world) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_stream_that_changes_alarms_and_one_that_does_not_alarms_nothing()
    {
        var random = new SeededRandom(2);
        Observation Draw(float moved) => new([(float)random.NextGaussian(), (float)random.NextGaussian() + moved], 0.5);
        var monitor = new DriftMonitor(["score", "a"], 32, null);
        var windows = Enumerable.Range(0, 32 * 6).Select(i => monitor.Add(Draw(i < 32 * 5 ? 0 : 2))).OfType<MonitoredWindow>().ToArray();
        // The first window is the reference.
        Assert.Equal("33-64 65-96 97-128 129-160 161-192", string.Join(' ', windows.Select(window => $"{window.First}-{window.Last}")));
        Assert.Equal(new[] { false, false, false, false, true }, windows.Select(window => window.IsAlarm));
        Assert.Equal("a", windows[^1].Report.Shifts[0].Name);
        Assert.Equal((192, 5), (monitor.Seen, monitor.Windows));
    }

    [Fact]
    public void The_rate_of_false_alarms_is_near_its_bound_and_the_same_on_any_number_of_threads()
    {
        var random = new SeededRandom(4);
        Observation[] held = [.. Enumerable.Range(0, 400).Select(_ => new Observation([(float)random.NextGaussian()], random.NextDouble()))];
        var one = FalseAlarmRate.Measure(held, ["score"], 64, 1, 1, default);
        Assert.Equal(one, FalseAlarmRate.Measure(held, ["score"], 64, 1, 2, default));
        Assert.InRange(one.Share.Accuracy, 0, 0.01);
        World.Refuses(() => FalseAlarmRate.Measure(held, ["score"], 201, 1, 1, default), "402 held-out ones", "there are 400", "smaller window");
    }

    [Fact]
    public void Observations_have_the_scores_and_novelties_that_scoring_gives()
    {
        var fit = world.Trainer.Fit(world.Trainer.ReadStates(World.Pairs("train", 60)), new FitOptions { K = 4, Training = World.Training, Heads = 2 });
        using var scorer = world.Trainer.Backbone.Attach(fit.Reward);
        EncodedInput[] inputs = [.. World.Pairs("test", 10).Items.Select(item => scorer.Backbone.Encoder.Encode([.. item.Prompt, .. item.Chosen[0]], item.Arguments))];
        var found = Observation.Of(scorer, inputs, default);
        var scored = scorer.ScoreAll(inputs, new ScoreOptions { Novelty = true });
        Assert.Equal(scored.Select(result => result.Score), found.Select(one => one.Score));
        Assert.Equal(scored.Select(result => result.Novelty!.Value), found.Select(one => one.Novelty!.Value), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal(1 + DriftWindows.DirectionsOf(fit.Reward).Count(), found[0].Values.Length);
    }

    [Fact]
    public void Scored_lines_are_read_as_score_writes_them()
    {
        Observation[] Read(string text)
        {
            string path = _folder.File("s.jsonl"), packed = _folder.File("s.jsonl.gz");
            File.WriteAllText(path, text);
            using (var gzip = new GZipStream(File.Create(packed), CompressionLevel.Fastest)) gzip.Write(File.ReadAllBytes(path));
            var read = ScoredStream.Read(path).SelectMany(line => line).ToArray();
            Assert.Equal(read, ScoredStream.Read(packed).SelectMany(line => line), (a, b) => a.Score == b.Score && a.Novelty == b.Novelty);
            return read;
        }
        var found = Read("1.5\n\n{\"score\": 2, \"novelty\": 0.25}\n{\"scores\": [1, null, 3], \"novelties\": [0.1, null, 0.3]}\n{\"score\": null, \"error\": \"x\"}\n");
        Assert.Equal(new float[] { 1.5f, 2, 1, 3 }, found.Select(one => one.Score));
        Assert.Equal(new double?[] { null, 0.25, 0.1f, 0.3f }, found.Select(one => one.Novelty));
        foreach (string bad in (string[])["{\"prompt\": 1}", "\"a\"", "{\"score\": 1e999}", "{\"scores\": [1, 2], \"novelties\": [0.5]}", "{"])
            World.Refuses(() => Read("1\n" + bad), "s.jsonl, line 2");
        // Half of a packed file must not pass for the whole stream.
        string cut = _folder.File("cut.jsonl.gz");
        File.WriteAllBytes(cut, File.ReadAllBytes(_folder.File("s.jsonl.gz"))[..^6]);
        World.Refuses(() => ScoredStream.Read(cut).Count(), "cut.jsonl.gz", "cut short");
    }
}
