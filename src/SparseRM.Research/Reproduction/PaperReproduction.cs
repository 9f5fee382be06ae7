using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Research.Baselines;
using SparseRM.Research.Sweeps;
using SparseRM.Scoring;

namespace SparseRM.Research.Reproduction;

/// <summary>Pairs for a task of the paper.</summary>
/// <param name="Name">One of <see cref="PaperReproduction.Tasks"/>.</param>
/// <param name="Data">Pairs to learn from.</param>
/// <param name="Test">Pairs to be tested on, or null: a fifth of the prompts of <paramref name="Data"/>.</param>
public sealed record PaperTask(string Name, PreferenceSet Data, PreferenceSet? Test);

/// <summary>A number of the paper and what was measured in its place.</summary>
/// <param name="Column">The task, or the task and its measure.</param>
/// <param name="Published">The paper's accuracy, a share; null where it has none.</param>
/// <param name="Here">What was measured, with its 95 % interval; null where nothing was.</param>
/// <param name="TestPairs">Pairs that it was measured on; 0 where nothing was.</param>
public sealed record PaperCell(string Column, double? Published, Interval? Here, int TestPairs);

/// <summary>A row of one of the paper's tables.</summary>
/// <param name="Table">The table.</param>
/// <param name="Name">The row.</param>
/// <param name="Cells">Column by column.</param>
/// <param name="Missing">Why some of it was not measured; null where all was.</param>
public sealed record PaperRow(string Table, string Name, IReadOnlyList<PaperCell> Cells, string? Missing);

/// <summary>The paper's tables beside what was measured.</summary>
/// <param name="Rows">Row by row.</param>
/// <param name="Verdict">Which of the paper's orders hold here, in a sentence.</param>
/// <param name="Notes">What a reader should know, one sentence each.</param>
public sealed record PaperResult(IReadOnlyList<PaperRow> Rows, string Verdict, IReadOnlyList<string> Notes);

/// <summary>Repeats the tables of arXiv 2511.07896 for which pairs are given.</summary>
public static class PaperReproduction
{
    /// <summary>The paper's tasks.</summary>
    public static IReadOnlyList<string> Tasks => Published.Tasks;

    /// <summary>Fits every row on every task.</summary>
    /// <param name="model">The model and how it runs.</param>
    /// <param name="sae">The SAE's folder, file or hub id.</param>
    /// <param name="tasks">At least one, each once.</param>
    /// <param name="options">K, seeds and training; inputs, losses and SAE are the tables'.</param>
    /// <param name="cache">Hidden states that are known, or null.</param>
    /// <param name="progress">Told of the fits done.</param>
    /// <param name="cancel">Heard between batches.</param>
    /// <exception cref="SparseRMException">There is no task, one is unknown or there twice, or a fit fails.</exception>
    public static PaperResult Run(BackboneOptions model, string sae, IReadOnlyList<PaperTask> tasks, SweepOptions options, HiddenStateCache? cache = null,
        IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        if (tasks.Count == 0) throw new SparseRMException(ErrorKind.Usage, $"no task was given; there are {string.Join(", ", Tasks)}");
        if (tasks.FirstOrDefault(task => !Tasks.Contains(task.Name)) is { } unknown) throw new SparseRMException(ErrorKind.Usage, $"'{unknown.Name}' is no task of the paper; there are {string.Join(", ", Tasks)}");
        if (tasks.GroupBy(task => task.Name).FirstOrDefault(same => same.Count() > 1) is { } twice) throw new SparseRMException(ErrorKind.Usage, $"the task {twice.Key} was given twice; give each once");
        var found = new Dictionary<(string Task, HeadInputKind, PreferenceLossKind), (Interval Accuracy, int Total)>();
        var notes = new List<string>();
        foreach (var task in tasks)
        {
            foreach (var (inputs, losses) in new (HeadInputKind[], PreferenceLossKind[])[]
            {
                ([HeadInputKind.Projection, HeadInputKind.Activations, HeadInputKind.Random, HeadInputKind.Dense], [PreferenceLossKind.Margin]),
                ([HeadInputKind.Projection], [PreferenceLossKind.BradleyTerry, PreferenceLossKind.Bce]),
            })
            {
                var asked = options with { Saes = [sae], Inputs = inputs, Losses = losses };
                var result = Sweep.Run(model, asked, task.Data, task.Test, cache, _ => new MemorySweepLog(), progress, cancel);
                foreach (var summary in result.Summaries) found[(task.Name, summary.Setting.Input, summary.Setting.Loss)] = (summary.Accuracy, result.Runs[0].Total);
                notes.AddRange(result.Notes.Where(note => !notes.Contains(note)));
            }
        }
        string[] absent = [.. Tasks.Except(tasks.Select(task => task.Name))];
        string? missing = absent.Length == 0 ? null : $"no pairs were given for {string.Join(" and ", absent)}";
        PaperRow[] rows =
        [
            .. Published.Accuracies.Select(row => new PaperRow(row.Table, row.Row, [.. Tasks.Select((task, i) =>
                found.TryGetValue((task, row.Input, row.Loss), out var here) ? new PaperCell(task, Share(row.Percent[i]), here.Accuracy, here.Total)
                    : new PaperCell(task, Share(row.Percent[i]), null, 0))], missing)),
            .. Published.Aligned.Select(row => new PaperRow(Published.Alignment, row.Row,
                [.. new[] { "SafeRLHF", "Red-Teaming", "TruthfulQA MC1", "TruthfulQA MC2" }.Select((column, i) => new PaperCell(column, Share(row.Percent[i]), null, 0))], Published.AlignmentNeeds)),
        ];
        return new PaperResult(rows, VerdictOf(rows), [.. Advice(options), .. notes]);
    }

    private static double? Share(double percent) => double.IsNaN(percent) ? null : percent / 100;

    private static IEnumerable<string> Advice(SweepOptions options)
    {
        yield return "the published accuracies are those of Gemma-2-9B-it with Gemma Scope on the paper's data; those here are of the model and the pairs that were given, so compare orders rather than numbers.";
        yield return FormattableString.Invariant($"K is {options.Ks[0]} a side; each accuracy is the mean over {options.Seeds} seeds, with a 95 % interval.");
        yield return "the paper's curves over K and layers are made by sweep, its map by map, its table of latents by latents, and its shift by sweep or baselines with other pairs as the test.";
    }

    /// <summary>The orders that the paper's tables claim, counted over the tasks that were measured.</summary>
    internal static string VerdictOf(IReadOnlyList<PaperRow> rows)
    {
        PaperRow Row(string table, string name) => rows.First(row => row.Table == table && row.Name == name);
        var (top, margin) = (Row(Published.HeadInput, "top-K directions"), Row(Published.Loss, "margin"));
        (string Claim, PaperRow Better, PaperRow Worse)[] claims =
        [
            ("top-K directions above random ones", top, Row(Published.HeadInput, "random directions")), ("top-K directions above SAE activations", top, Row(Published.HeadInput, "SAE activations")),
            ("margin above Bradley-Terry", margin, Row(Published.Loss, "Bradley-Terry")), ("margin above BCE", margin, Row(Published.Loss, "BCE")),
        ];
        return "Of the paper's orders there hold here: " + string.Join("; ", claims.Select(claim =>
        {
            var both = claim.Better.Cells.Zip(claim.Worse.Cells).Where(pair => pair.First.Here is not null && pair.Second.Here is not null).Select(pair =>
                (Better: pair.First.Here!.Value, Worse: pair.Second.Here!.Value)).ToArray();
            return $"{claim.Claim} on {both.Count(pair => pair.Better.Value > pair.Worse.Value)} of {both.Length} tasks, with intervals apart on {both.Count(pair => pair.Better.Low > pair.Worse.High)}";
        })) + ".";
    }
}
