using System.Diagnostics;
using System.Globalization;
using SparseRM.Fitting;

namespace SparseRM.HostBenchmarks;

/// <summary>Opens a model in this process with its weights read, as the C library does, or mapped, as C# programs do: how long, and the most memory.</summary>
internal static class WeightAccess
{
    /// <summary>Prints one line.</summary>
    public static int Run(string model, bool read)
    {
        AppContext.SetSwitch("SparseRM.Interop.CopyWeights", read);
        long start = Stopwatch.GetTimestamp();
        using var backbone = Backbone.Open(new BackboneOptions { Model = model, IdsOnly = true }, LargeModel.LastLayer(model));
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var random = new SeededRandom(1);
        int[] ids = [.. Enumerable.Range(0, 128).Select(_ => random.NextInt(backbone.Config.DVocab))];
        var input = backbone.Encoder.EncodeIds(ids);
        var sequence = input.ReadAt(Models.ReadOutPosition.Last);
        var pass = Benchmarking.Timings.Of(() => backbone.ReadLayers(sequence, [backbone.LastLayer]), new Benchmarking.Budget(5, 5));
        Console.WriteLine($"{(read ? "read" : "mapped")}: opened in {seconds:0.00} s; a pass of 128 tokens {pass.Median * 1e3:0.0} ms; "
            + $"most memory {Status("VmHWM") / 1024} MB, of it now private {Status("RssAnon") / 1024} MB, of files {Status("RssFile") / 1024} MB");
        return 0;
    }

    private static long Status(string name) => long.Parse(
        File.ReadLines("/proc/self/status").First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(':')[1].Replace("kB", "").Trim(), CultureInfo.InvariantCulture);
}
