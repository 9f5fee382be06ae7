using System.Globalization;
using System.Text;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Research.Runs;
using SparseRM.Scoring;

namespace SparseRM.Research.Sweeps;

/// <summary>Where runs are kept.</summary>
public interface ISweepLog : IDisposable
{
    /// <summary>Runs that are known, by setting.</summary>
    IReadOnlyDictionary<SweepSetting, SweepRun> Known { get; }

    /// <summary>Keeps a run.</summary>
    void Add(SweepRun run);
}

/// <summary>Runs in memory alone.</summary>
public sealed class MemorySweepLog : ISweepLog
{
    private readonly Dictionary<SweepSetting, SweepRun> _known = [];

    /// <inheritdoc/>
    public IReadOnlyDictionary<SweepSetting, SweepRun> Known => _known;

    /// <inheritdoc/>
    public void Add(SweepRun run) => _known[run.Setting] = run;

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}

/// <summary>Runs in a file of CSV, a line each, whole lines only: a sweep that was stopped goes on from it.</summary>
public sealed class CsvSweepLog : ISweepLog
{
    /// <summary>The first line.</summary>
    public const string Header = "study,weights,position,layer,sae,input,k,pairs,hidden_units,loss,seed,correct,total,accuracy,low,high,held_out_accuracy,epoch";

    private readonly LineLog _lines;
    private readonly string _study;
    private readonly Dictionary<SweepSetting, SweepRun> _known = [];

    private CsvSweepLog(LineLog lines, string study)
    {
        (_lines, _study) = (lines, study);
        for (int i = 0; i < lines.Lines.Count; i++)
        {
            var (own, run) = Parse(lines.Lines[i]) ?? throw lines.Refused(i + 2, "is not a run of a sweep; fix the line, or remove it");
            if (own != study)
                throw lines.Refused(i + 2, $"is of the study {own}, this one is {study}: data, template or training differ; name another output, or remove the file");
            _known[run.Setting] = run;
        }
        lines.Mend();
    }

    /// <summary>Reads a file, where there is one; the first run that is added makes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="study">Name of the study; a file of another is refused.</param>
    /// <exception cref="SparseRMException">The file cannot be read, holds something else, or is of another study.</exception>
    public static CsvSweepLog Open(string path, string study) => new(LineLog.Open(path, Header, "a sweep"), study);

    /// <inheritdoc/>
    public IReadOnlyDictionary<SweepSetting, SweepRun> Known => _known;

    /// <inheritdoc/>
    public void Add(SweepRun run)
    {
        _lines.Add(Line(run));
        _known[run.Setting] = run;
    }

    /// <inheritdoc/>
    public void Dispose() => _lines.Dispose();

    private string Line(SweepRun run)
    {
        var (setting, accuracy) = (run.Setting, run.Accuracy);
        object?[] cells =
        [
            _study, setting.Weights, setting.Position.ToString().ToLowerInvariant(), setting.Layer, Quoted(setting.Sae), HeadInput.Name(setting.Input), setting.K, setting.Pairs,
            setting.HiddenUnits, PreferenceLoss.Name(setting.Loss), setting.Seed, run.Correct, run.Total, accuracy.Accuracy, accuracy.Low, accuracy.High,
            run.HeldOutAccuracy, run.Epoch,
        ];
        return string.Join(',', cells.Select(cell => Convert.ToString(cell, CultureInfo.InvariantCulture)));
    }

    private static string Quoted(string? text) => text is null ? "" : text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"")}\"";

    private static (string Study, SweepRun Run)? Parse(string line)
    {
        string[] cells = Cells(line);
        if (cells.Length != Header.Count(c => c == ',') + 1) return null;
        try
        {
            var setting = new SweepSetting(
                Enum.Parse<ReadOutPosition>(cells[2], ignoreCase: true), Whole(cells[3]), cells[4].Length == 0 ? null : cells[4], HeadInput.Parse(cells[5]),
                cells[6].Length == 0 ? null : Whole(cells[6]), Whole(cells[7]), Whole(cells[8]), PreferenceLoss.Parse(cells[9]),
                long.Parse(cells[10], CultureInfo.InvariantCulture), cells[1]);
            double? heldOut = cells[16].Length == 0 ? null : double.Parse(cells[16], CultureInfo.InvariantCulture);
            var run = new SweepRun(setting, Whole(cells[11]), Whole(cells[12]), heldOut, Whole(cells[17]));
            return run.Total > 0 && run.Correct >= 0 && run.Correct <= run.Total ? (cells[0], run) : null;
        }
        catch (Exception error) when (error is FormatException or OverflowException or ArgumentException or SparseRMException)
        {
            return null;
        }
    }

    private static int Whole(string cell) => int.Parse(cell, NumberStyles.None, CultureInfo.InvariantCulture);

    private static string[] Cells(string line)
    {
        var cells = new List<string>();
        var cell = new StringBuilder();
        bool quoted = false;
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] == '"' && quoted && i + 1 < line.Length && line[i + 1] == '"') cell.Append(line[++i]);
            else if (line[i] == '"') quoted = !quoted;
            else if (line[i] == ',' && !quoted)
            {
                cells.Add(cell.ToString());
                cell.Clear();
            }
            else cell.Append(line[i]);
        }
        cells.Add(cell.ToString());
        return [.. cells];
    }
}
