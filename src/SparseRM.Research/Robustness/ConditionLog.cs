using System.Buffers;
using System.Text;
using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Errors;
using SparseRM.Research.Runs;

namespace SparseRM.Research.Robustness;

/// <summary>Which fit: a condition by its place among all, a loss and a draw.</summary>
internal readonly record struct ConditionKey(int Condition, string Loss, int Draw);

/// <summary>What came of a fit under a condition.</summary>
/// <param name="Key">Which one.</param>
/// <param name="Pairs">Pairs that it learned from.</param>
/// <param name="Right">For each of the condition's test sets, which pairs were ordered rightly; none where the fit failed.</param>
/// <param name="Problem">Why it failed, or null.</param>
internal sealed record ConditionRun(ConditionKey Key, int Pairs, IReadOnlyList<bool[]> Right, string? Problem);

/// <summary>Fits of a study of robustness in a file of JSON lines, one each: a study that was stopped goes on from it.</summary>
public sealed class ConditionLog : IDisposable
{
    private readonly LineLog? _lines;
    private readonly Dictionary<ConditionKey, ConditionRun> _known = [];

    private ConditionLog(LineLog? lines)
    {
        _lines = lines;
        for (int i = 0; i < (lines?.Lines.Count ?? 0); i++)
        {
            var run = Parse(lines!.Lines[i]) ?? throw lines.Refused(i + 2, "is not a fit of a study of robustness; fix the line, or remove it");
            _known[run.Key] = run;
        }
        lines?.Mend();
    }

    /// <summary>How the first line begins.</summary>
    public const string Header = "{\"robustness\":";

    /// <summary>Nothing is kept.</summary>
    public static ConditionLog None => new(null);

    /// <summary>Reads a file, where there is one; the first fit that is added makes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="study">Name of the study; a file of another is refused.</param>
    /// <exception cref="SparseRMException">The file cannot be read, holds something else, or is of another study: data, model or options differ.</exception>
    public static ConditionLog Open(string path, string study) => new(LineLog.Open(path, $"{Header}\"{study}\"}}", $"this study of robustness ({study}; data, model and options make its name)"));

    /// <summary>Fits that are known.</summary>
    public int Count => _known.Count;

    /// <inheritdoc/>
    public void Dispose() => _lines?.Dispose();

    /// <summary>A fit that is known, of test sets of these sizes; else null.</summary>
    internal ConditionRun? Of(ConditionKey key, IEnumerable<int> sizes) =>
        _known.TryGetValue(key, out var run) && (run.Problem is not null || run.Right.Select(right => right.Length).SequenceEqual(sizes)) ? run : null;

    /// <summary>Keeps a fit, unless it is known.</summary>
    internal void Add(ConditionRun run)
    {
        if (_known.ContainsKey(run.Key)) return;
        _lines?.Add(Line(run));
        _known.Add(run.Key, run);
    }

    private static string Line(ConditionRun run)
    {
        var line = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteNumber("condition", run.Key.Condition);
            json.WriteString("loss", run.Key.Loss);
            json.WriteNumber("draw", run.Key.Draw);
            json.WriteNumber("pairs", run.Pairs);
            json.WriteStartArray("right");
            foreach (bool[] right in run.Right) json.WriteStringValue(string.Concat(right.Select(one => one ? '1' : '0')));
            json.WriteEndArray();
            json.WriteString("problem", run.Problem);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(line.WrittenSpan);
    }

    private static ConditionRun? Parse(string line)
    {
        if (JsonLines.Parse(Encoding.UTF8.GetBytes(line), out _) is not { ValueKind: JsonValueKind.Object } value) return null;
        try
        {
            var right = value.GetProperty("right").EnumerateArray().Select(one => one.GetString()!.Select(c => c is '0' or '1' ? c == '1' : throw new FormatException()).ToArray()).ToArray();
            return new ConditionRun(new ConditionKey(value.GetProperty("condition").GetInt32(), value.GetProperty("loss").GetString()!, value.GetProperty("draw").GetInt32()),
                value.GetProperty("pairs").GetInt32(), right, value.GetProperty("problem").GetString());
        }
        catch (Exception error) when (error is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }
}
