using System.Text;
using SparseRM.Errors;
using SparseRM.Scoring;
using SparseRM.Weights;

namespace SparseRM.Cli.Terminal;

/// <summary>What a command's output file holds.</summary>
internal enum OutputKind
{
    /// <summary>Lines with a score.</summary>
    Scores,
    /// <summary>Lines with token ids.</summary>
    Ids,
    /// <summary>A reward model.</summary>
    Reward,
    /// <summary>States of a model.</summary>
    States,
    /// <summary>Activations of an SAE.</summary>
    Activations,
    /// <summary>A plot, PNG or HTML.</summary>
    Plot,
    /// <summary>Lines with traces of kernels.</summary>
    Traces,
    /// <summary>Runs of a sweep.</summary>
    Sweep,
    /// <summary>Fits of a study of robustness.</summary>
    Robustness,
    /// <summary>Preference pairs in TRL's explicit form.</summary>
    Pairs,
    /// <summary>Prompts with one answer each, in TRL's form.</summary>
    Completions,
}

/// <summary>The file that a command writes at its end.</summary>
internal static class OutputFile
{
    private const int Head = 1 << 16;

    /// <summary>Refuses a place that cannot be written, or that holds something else, before hours of work go into what would be lost there.</summary>
    /// <param name="path">What <c>--output</c> says; null or "-" is standard output.</param>
    /// <param name="kind">What will be written: a file that is there already must be of this kind, or empty.</param>
    /// <param name="inputs">Options that name files to read; null and "-" are none.</param>
    /// <exception cref="UsageException">The output is an input.</exception>
    /// <exception cref="SparseRMException">The path is a folder, its folder is missing or read-only, or the file there is of another kind.</exception>
    public static void Probe(string? path, OutputKind kind, params ReadOnlySpan<(string Option, string? Path)> inputs) => Probe("--output", path, kind, inputs);

    /// <summary>As <see cref="Probe(string, OutputKind, ReadOnlySpan{ValueTuple{string, string}})"/>, for an output of another option.</summary>
    /// <param name="output">The option that names the output.</param>
    /// <param name="path">What it says; null or "-" is standard output.</param>
    /// <param name="kind">What will be written: a file that is there already must be of this kind, or empty.</param>
    /// <param name="inputs">Options that name files to read; null and "-" are none.</param>
    /// <exception cref="UsageException">The output is an input.</exception>
    /// <exception cref="SparseRMException">The path is a folder, its folder is missing or read-only, or the file there is of another kind.</exception>
    public static void Probe(string output, string? path, OutputKind kind, params ReadOnlySpan<(string Option, string? Path)> inputs)
    {
        if (path is null or "-") return;
        foreach (var (option, input) in inputs)
        {
            if (input is null or "-" || !Path.Exists(input) || AtomicFile.Target(input) != AtomicFile.Target(path) || AtomicFile.IsDevice(AtomicFile.Target(path))) continue;
            throw new UsageException($"{output} and {option} are the same file, {path}; it would be lost: name another output");
        }
        if (Directory.Exists(path)) throw new SparseRMException($"{path}: cannot be written: it is a folder; name a file in it");
        if ((kind is OutputKind.Scores or OutputKind.Ids or OutputKind.Pairs or OutputKind.Completions) && Path.GetExtension(path).ToLowerInvariant() is ".gz" or ".zst" or ".parquet")
            throw new UsageException($"{output} writes plain lines of JSON, not what {Path.GetFileName(path)} would be taken for; name a .jsonl");
        // A shell's >(...) is none, and to read it would wait for ever.
        if (!AtomicFile.IsDevice(AtomicFile.Target(path)) && new FileInfo(path) is { Exists: true, Length: > 0 } && !IsOf(path, kind))
            throw new SparseRMException($"{path}: is there already and does not hold {NameOf(kind)}; it is not written over: name another output, or remove it");
        try
        {
            // The very way of the later write, left before the temporary file takes the place of an old one.
            AtomicFile.Write(path, _ => throw new ProbedException());
        }
        catch (ProbedException)
        {
            // The temporary file could be made, and is gone again.
        }
    }

    /// <summary>Refuses what cannot be gone on from.</summary>
    /// <param name="output">What <c>--output</c> of a command says that keeps its runs there as they come, or null.</param>
    /// <param name="report">What <c>--report</c> says, or null.</param>
    /// <exception cref="UsageException">The output is standard output, a device, or the report.</exception>
    public static void CheckLog(string? output, string? report)
    {
        if (output is null) return;
        if (output == "-") throw new UsageException("--output names a file, from which the same command goes on; for standard output there is --json");
        if (AtomicFile.IsDevice(AtomicFile.Target(output)))
            throw new UsageException($"--output names a file, from which the same command goes on, and {output} is a device; for standard output there is --json");
        if (report is not (null or "-") && AtomicFile.Target(output) == AtomicFile.Target(report))
            throw new UsageException($"--output and --report are the same file, {output}; each writes its own: name another for one of them");
    }

    /// <summary>Writes the file.</summary>
    /// <param name="path">For the message.</param>
    /// <param name="write">Writes it; says itself what is wrong, or throws what the runtime throws.</param>
    /// <exception cref="SparseRMException">It cannot be written.</exception>
    public static void Write(string path, Action write)
    {
        try
        {
            write();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SparseRMException($"{path}: cannot be written ({error.Message})", error);
        }
        catch (ArgumentOutOfRangeException error) when (error.ParamName == "value")
        {
            // What .NET makes of EFBIG: a limit on the size of files, by the file system or by the user's limits.
            const string Problem = "cannot be written (the file would be larger than is allowed there); nothing was left behind, choose another place";
            throw new SparseRMException($"{path}: {Problem}", error);
        }
    }

    private static string NameOf(OutputKind kind) => kind switch
    {
        OutputKind.Scores => "lines with scores",
        OutputKind.Ids => "lines with token ids",
        OutputKind.Reward => "a reward model",
        OutputKind.States => "states that activations wrote",
        OutputKind.Activations => "activations that encode wrote",
        OutputKind.Traces => "traces",
        OutputKind.Sweep => "runs of a sweep",
        OutputKind.Robustness => "fits of a study of robustness",
        OutputKind.Pairs => "preference pairs with scores",
        OutputKind.Completions => "completions with scores",
        _ => "a plot",
    };

    private static bool IsOf(string path, OutputKind kind) => kind switch
    {
        OutputKind.Scores => FirstLineHas(path, "score") || FirstLineHas(path, "scores"),
        OutputKind.Ids => FirstLineHas(path, "ids") && FirstLineHas(path, "rendered"),
        OutputKind.Reward => RewardModelFile.Recognises(path),
        OutputKind.States => StateTensors.WrittenBy(path) == "activations",
        OutputKind.Activations => StateTensors.WrittenBy(path) == "encode",
        OutputKind.Traces => FirstLineHas(path, "definition"),
        OutputKind.Pairs => FirstLineHas(path, "score_chosen") && FirstLineHas(path, "score_rejected"),
        OutputKind.Completions => FirstLineHas(path, "completion") && FirstLineHas(path, "score"),
        OutputKind.Robustness => Start(path).AsSpan().StartsWith(Encoding.UTF8.GetBytes(Research.Robustness.ConditionLog.Header)),
        OutputKind.Sweep => Start(path).AsSpan().StartsWith(Encoding.UTF8.GetBytes(Research.Sweeps.CsvSweepLog.Header)),
        _ => Start(path) is var start && (start.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G']) || start.AsSpan().IndexOf("<html"u8) >= 0),
    };

    // A field's name as a JSON writer spells it, in the first line or as much of it as is looked at.
    private static bool FirstLineHas(string path, string field)
    {
        ReadOnlySpan<byte> start = Start(path);
        if (start.IndexOf((byte)'\n') is >= 0 and var end) start = start[..end];
        return start.StartsWith("{"u8) && (start.IndexOf(Encoding.UTF8.GetBytes($"\"{field}\":")) >= 0 || start.Length == Head);
    }

    private static byte[] Start(string path)
    {
        NamedPipe.Refuse(path);
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            var start = new byte[Head];
            return start[..file.ReadAtLeast(start, Head, throwOnEndOfStream: false)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SparseRMException($"{path}: is there already and cannot be read ({error.Message}); name another output", error);
        }
    }

    private sealed class ProbedException : Exception;
}
