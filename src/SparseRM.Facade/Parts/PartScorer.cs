using System.Security.Cryptography;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Lines;

namespace SparseRM.Parts;

/// <summary>Scores a range of rows into a part: the unit of work of any scheduler. Thread-safe.</summary>
/// <remarks>
/// A row's line depends on that row alone, so parts one after another are, byte for byte, what one part of all rows is. A bad row has an <c>error</c> in the place
/// of its score. Memory does not grow with the number of rows.
/// </remarks>
/// <param name="scorer">Scores.</param>
/// <param name="options">What is wanted of each answer.</param>
/// <param name="addEos">Whether a text gets the tokenizer's EOS.</param>
/// <param name="say">Says a message of the library in the words of whoever reads the parts; null for the library's own.</param>
/// <param name="maker">See <see cref="PartManifest.MadeBy"/>; null for the machine's name.</param>
/// <example><code>
/// var options = new ScoreOptions { Priority = Priority.Bulk };
/// var input = RowFile.Open("answers.jsonl");
/// var folder = PartFolder.Open("scores", input, RowFormat.JsonLines, ScoringFingerprint.Of(scorer, "reward.safetensors", options, addEos: false));
/// var (part, wasThere) = new PartScorer(scorer, options).ScoreInto(input, new RowRange(0, 1000), folder);
/// </code></example>
public sealed class PartScorer(RewardScorer scorer, ScoreOptions options, bool addEos = false, Func<string, string>? say = null, string? maker = null)
{
    private const int FileBuffer = 1 << 16;
    private readonly Func<string, string> _say = say ?? (message => message);

    /// <summary>Scores rows into the folder, unless their part is there.</summary>
    /// <param name="input">The rows' file.</param>
    /// <param name="rows">Which; those behind the file's end are not there.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="progress">Told how many rows are begun.</param>
    /// <param name="cancel">Heard between batches.</param>
    /// <returns>What is there now, and whether it was there before.</returns>
    /// <exception cref="SparseRMException">There is no such row; the input cannot be read; the device fails; the folder cannot be written or has other parts.</exception>
    public (PartManifest Part, bool WasThere) ScoreInto(
        RowFile input, RowRange rows, PartFolder folder, IProgress<long>? progress = null, CancellationToken cancel = default)
    {
        rows = Within(input, rows, folder, cancel);
        folder.RequireNoOverlap(rows);
        if (folder.Find(rows, () => RowText.Sha256(input, [rows], cancel)[0]) is { } found) return (found, true);
        using var draft = Score(input, rows, folder, null, progress, cancel);
        folder.Publish(draft);
        return (draft.Manifest, false);
    }

    /// <summary>Scores rows into a draft.</summary>
    /// <param name="input">The rows' file.</param>
    /// <param name="rows">Which; those behind the file's end are not there.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="limit">The row behind the last one that is wanted, which may come down meanwhile; null for all.</param>
    /// <param name="progress">Told how many rows are begun.</param>
    /// <param name="cancel">Heard between batches.</param>
    /// <exception cref="SparseRMException">As <see cref="ScoreInto"/>.</exception>
    public PartDraft Score(
        RowFile input, RowRange rows, PartFolder folder, Func<long>? limit = null, IProgress<long>? progress = null, CancellationToken cancel = default)
    {
        long Wanted() => Math.Min(rows.End, limit?.Invoke() ?? long.MaxValue);
        return Draft(input, rows, folder, Wanted, null, sink =>
        {
            var run = new ScoreRun(scorer, options, null, input.Path, skipBad: true, _say);
            long at = rows.Start;
            var lines = input.Read(rows, cancel).TakeWhile(_ => at < Wanted()).Select(row =>
            {
                progress?.Report(++at - rows.Start);
                return row;
            }).GetEnumerator();
            using var reader = new LineReader(lines, line => ScoreLine.Of(line, scorer.Backbone.Encoder, addEos, _say));
            run.Run(reader, sink, isPipe: false, static () => { }, cancel);
        });
    }

    /// <summary>Writes rows into a draft without scoring them: each has the reason as its error.</summary>
    /// <param name="input">The rows' file.</param>
    /// <param name="rows">Which.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="reason">One sentence, the same for whoever refuses these rows.</param>
    /// <param name="cancel">Checked between rows.</param>
    /// <exception cref="SparseRMException">As <see cref="ScoreInto"/>.</exception>
    public PartDraft Refuse(RowFile input, RowRange rows, PartFolder folder, string reason, CancellationToken cancel = default) =>
        Draft(input, rows, folder, () => rows.End, reason, sink =>
        {
            var writer = new ScoreLineWriter(options, null, scorer.Reward.Components.Count > 1);
            var text = new MemoryStream();
            foreach (var row in input.Read(rows, cancel))
            {
                cancel.ThrowIfCancellationRequested();
                var line = ScoreLine.Refused(row, reason);
                var none = new ScoreResult?[line.Answers.Length];
                text.SetLength(0);
                writer.Write(text, line, none, reason);
                sink.Add(line, none, reason, text.GetBuffer().AsSpan(0, (int)text.Length));
            }
        });

    private PartDraft Draft(RowFile input, RowRange rows, PartFolder folder, Func<long> limit, string? refused, Action<PartSink> write)
    {
        string path = "";
        try
        {
            using var stream = StagingFolder.NewDraft(folder.Path, FileBuffer);
            path = stream.Name;
            using var writer = PartWriter.Of(folder.Format, stream);
            using var sink = new PartSink(writer, rows.Start, limit);
            write(sink);
            if (sink.End == rows.Start) throw new DataFormatException(input.Path, 0, $"ends before row {rows.Start}, so there are no rows {rows}; rows are counted from 0");
            writer.Finish();
            stream.Flush(flushToDisk: true);
            stream.Position = 0;
            string output = Convert.ToHexStringLower(SHA256.HashData(stream));
            var done = new RowRange(rows.Start, sink.End);
            return new PartDraft(path, new PartManifest
            {
                Fingerprint = folder.Fingerprint, Input = folder.InputName, Rows = done, InputSha256 = sink.Hashes.Input, Output = folder.PartName(done),
                OutputSha256 = output, LinesSha256 = sink.Hashes.Lines, Scores = sink.Scores, Truncated = sink.Truncated, Bad = sink.Bad,
                MadeBy = maker ?? Environment.MachineName, Refused = refused,
            });
        }
        catch (Exception error)
        {
            if (path.Length > 0) StagingFolder.Remove(path);
            // What .NET makes of EFBIG is an argument out of range.
            if (error is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" } or ParquetSharp.ParquetException)
                throw new SparseRMException($"{folder.Path}: a part cannot be written ({error.Message.TrimEnd('.')}); free space or choose another place", error);
            throw;
        }
    }

    // Where the end is cheap to know; a packed file's shows when it is read, unless a part may be there that ends with it.
    private static RowRange Within(RowFile input, RowRange rows, PartFolder folder, CancellationToken cancel)
    {
        if (input.Format == RowFormat.GzipJsonLines && !PartFolder.Parts(folder.Path).Any(part => part.Start == rows.Start && part.End < rows.End)) return rows;
        long count = input.Count(null, cancel);
        if (rows.Start >= count) throw new DataFormatException(input.Path, 0, $"has {count} rows, so there are no rows {rows}; rows are counted from 0");
        return rows with { End = Math.Min(rows.End, count) };
    }
}
