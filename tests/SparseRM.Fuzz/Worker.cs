using System.Diagnostics;
using System.Globalization;
using SparseRM.Errors;

namespace SparseRM.Fuzz;

/// <summary>Fuzzes one reader in a process of its own, which may die or hang: the input that is being read always lies in a file.</summary>
internal static class Worker
{
    /// <summary>Exit code where faults were found and saved.</summary>
    public const int FoundFaults = 3;

    private const int MaxFaults = 20;

    /// <summary>Reads mutated inputs until the time is over or as many as asked for are read; prints how many, and each fault.</summary>
    /// <param name="reader">The reader.</param>
    /// <param name="options">Seed, bounds, folder of faults.</param>
    /// <param name="folder">The worker's folder, which the parent looks into when the worker dies.</param>
    public static int Run(FuzzReader reader, FuzzOptions options, string folder)
    {
        string path = Prepare(reader, folder);
        var mutator = new Mutator(new Random(options.Seed), reader.Seeds, reader.Words);
        var kinds = new HashSet<string>(StringComparer.Ordinal);
        long count = 0, refused = 0;
        using var watchdog = new Watchdog(Verdict.MaxTime * 2);
        foreach (byte[] seed in reader.Seeds)
        {
            File.WriteAllBytes(path, seed);
            if (Refusal(reader, path) is not { } refusal) continue;
            Console.WriteLine($"{reader.Name}: a seed is refused, which must be valid: {refusal}");
            return FoundFaults;
        }
        var watch = Stopwatch.StartNew();
        while (options.Iterations is { } most ? count < most : watch.Elapsed.TotalSeconds < options.Seconds)
        {
            byte[] input = mutator.Next();
            File.WriteAllBytes(path, input);
            watchdog.Restart();
            bool isRead = false;
            var verdict = Verdict.Of(() =>
            {
                reader.Read(path);
                isRead = true;
            });
            count++;
            if (!isRead) refused++;
            if (verdict is null || !kinds.Add(verdict.Key)) continue;
            Report(reader, options, count, input, verdict);
            if (kinds.Count >= MaxFaults) break;
        }
        watchdog.Stop();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{reader.Name}: {count} inputs, {refused} refused, {kinds.Count} kinds of faults, {watch.Elapsed.TotalSeconds:F1} s"));
        return kinds.Count == 0 ? 0 : FoundFaults;
    }

    /// <summary>Reads one saved input again.</summary>
    public static int Replay(FuzzReader reader, string input, string folder)
    {
        string path = Prepare(reader, folder);
        File.Copy(input, path, overwrite: true);
        string? refusal = null;
        var verdict = Verdict.Of(() => refusal = Refusal(reader, path));
        Console.WriteLine($"{reader.Name}: {verdict?.Problem ?? refusal ?? "read"}");
        return verdict is null ? 0 : FoundFaults;
    }

    /// <summary>Saves an input under the reader's name and where it came from.</summary>
    public static string Save(FuzzReader reader, FuzzOptions options, string which, ReadOnlySpan<byte> input)
    {
        Directory.CreateDirectory(options.Faults);
        string file = Path.Combine(options.Faults, $"{reader.Name}-seed{options.Seed}-{which}");
        File.WriteAllBytes(file, input);
        return file;
    }

    /// <summary>Path of the input below a worker's folder.</summary>
    public static string InputPath(FuzzReader reader, string folder) => Path.Combine(folder, reader.FileName);

    private static string? Refusal(FuzzReader reader, string path)
    {
        try
        {
            reader.Read(path);
            return null;
        }
        catch (SparseRMException error)
        {
            return error.Message;
        }
    }

    private static string Prepare(FuzzReader reader, string folder)
    {
        foreach (var (name, content) in reader.Beside) File.WriteAllBytes(Path.Combine(folder, name), content);
        return InputPath(reader, folder);
    }

    private static void Report(FuzzReader reader, FuzzOptions options, long count, byte[] input, Verdict verdict)
    {
        string file = Save(reader, options, count.ToString(CultureInfo.InvariantCulture), input);
        Console.WriteLine($"{reader.Name}: input {count} ({file}): {verdict.Problem}");
    }
}
