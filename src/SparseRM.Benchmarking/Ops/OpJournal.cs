using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Benchmarking.Ops;

/// <summary>The first line of a journal.</summary>
internal sealed record JournalHead(string Kind, string Backend, string Kernels, int Threads, bool Cold);

/// <summary>A row that was timed.</summary>
internal sealed record JournalRow(string Shape, DType Compute, string Variant, int Rows, double[] Seconds, OpError Error, double? Peak, double? Memory, double? Nearest);

[JsonSerializable(typeof(JournalHead)), JsonSerializable(typeof(JournalRow))]
internal sealed partial class JournalJson : JsonSerializerContext;

/// <summary>A file of JSON lines to which each row goes when it was timed, so that an interrupted run goes on where it was.</summary>
/// <remarks>The first line says what ran; rows of another machine, build or number of threads are not mixed with these.</remarks>
public sealed class OpJournal
{
    private readonly string _path;
    private readonly Dictionary<(string Shape, DType Compute, string Variant), JournalRow> _rows = [];

    private OpJournal(string path) => _path = path;

    /// <summary>Rows that were in the file.</summary>
    public int Count => _rows.Count;

    /// <summary>Reads the file, or begins it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="backend">What the backend says of itself.</param>
    /// <param name="options">What is asked for.</param>
    /// <exception cref="SparseRMException">It is of another run, or no journal.</exception>
    public static OpJournal Open(string path, string backend, OpBenchOptions options)
    {
        NamedPipe.Refuse(path);
        var journal = new OpJournal(path);
        var head = new JournalHead("bench_ops_journal", backend, Interop.KernelSources.Hash, options.Threads, options.Cold);
        if (!File.Exists(path) || new FileInfo(path).Length == 0)
        {
            File.WriteAllText(path, JsonSerializer.Serialize(head, JournalJson.Default.JournalHead) + "\n");
            return journal;
        }
        string[] lines = File.ReadAllLines(path);
        int number = 1;
        try
        {
            var found = JsonSerializer.Deserialize(lines[0], JournalJson.Default.JournalHead);
            if (found?.Kind != head.Kind) throw new JsonException();
            if (found != head)
                throw new SparseRMException($"{path}: was begun by another run ({Difference(found, head)}); its rows are not comparable: name another file");
            // A line that an interruption cut is timed again.
            for (; number < lines.Length && lines[number].EndsWith('}'); number++)
                if (JsonSerializer.Deserialize(lines[number], JournalJson.Default.JournalRow) is { Seconds.Length: > 0 } row) journal._rows[(row.Shape, row.Compute, row.Variant)] = row;
            // Whole, or as it was: rows that were timed are not lost where the disk is full.
            AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(string.Concat(lines[..number].Select(line => line + "\n")))));
        }
        catch (JsonException error)
        {
            throw new SparseRMException($"{path}, line {number}: is no line of a journal that --resume began; name another file", error);
        }
        return journal;
    }

    /// <summary>A row that was timed before, or null.</summary>
    public OpTiming? Known(OpShape shape, DType compute, string variant) => _rows.TryGetValue((shape.Name, compute, variant), out var row)
        ? new OpTiming(shape, compute, variant, row.Rows, new Timings(row.Seconds), row.Peak, row.Memory, row.Nearest) { Error = row.Error } : null;

    /// <summary>Adds a row to the file, at once.</summary>
    /// <exception cref="SparseRMException">It cannot be written.</exception>
    public void Add(OpTiming timing)
    {
        var row = new JournalRow(timing.Shape.Name, timing.Compute, timing.Variant, timing.Rows, [.. timing.Seconds.All], timing.Error, timing.Peak, timing.Memory, timing.Nearest);
        try
        {
            File.AppendAllText(_path, JsonSerializer.Serialize(row, JournalJson.Default.JournalRow) + "\n");
        }
        // The last is what .NET makes of a limit on the size of files.
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" })
        {
            string problem = error is ArgumentOutOfRangeException ? "the file would be larger than is allowed there" : error.Message.TrimEnd('.');
            throw new SparseRMException($"{_path}: cannot be written ({problem}); the rows that are there are kept, and the same command goes on from them", error);
        }
    }

    private static string Difference(JournalHead found, JournalHead now) =>
        found.Backend != now.Backend ? $"it ran on \"{found.Backend}\", this is \"{now.Backend}\""
        : found.Kernels != now.Kernels ? "its kernels were built from other sources"
        : found.Threads != now.Threads ? $"it had {found.Threads} threads, this has {now.Threads}" : "one of them empties the caches, the other does not";
}
