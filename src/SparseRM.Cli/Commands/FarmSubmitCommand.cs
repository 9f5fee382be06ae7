using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Farm.Clusters;
using SparseRM.Farm.Jobs;
using SparseRM.Parts;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm farm submit</c>: a job that scores all rows of a file.</summary>
internal sealed class FarmSubmitCommand : CliCommand
{
    private const int DefaultShard = 16_384, DefaultAttempts = 3;

    private readonly Option<string> _input = Choices.Text("--input", "jsonl, jsonl.gz or parquet, under the same path on every machine", "FILE", required: true);
    private readonly Option<string> _output = Choices.Text("--output", "folder for the parts, under the same path on every machine; names the job, too", "FOLDER", required: true);
    private readonly Option<int?> _shard = Choices.Whole("--shard-rows", $"rows of a shard at most (default: {DefaultShard}): what a dying worker loses");
    private readonly Option<int?> _attempts = Choices.Whole("--attempts", $"workers that may die or fail over a shard before its rows are written as errors (default: {DefaultAttempts})");
    private readonly Option<bool> _detach = new("--detach") { Description = "do not wait for the job's end" };

    public FarmSubmitCommand(Session session) : base("submit", "Score all rows of a file, or go on with it", session,
        new Example("sparserm farm submit --input answers.jsonl --output scores", "and watch it"),
        new Example("sparserm farm submit --input answers.parquet --output scores --part-format parquet --detach --json", "and do not wait"))
    {
        this.AddAll(_input, _output, _shard, _attempts, PartRows.Format, _detach, CommonOptions.Json);
        this.AddAll(FarmSettings.Client);
    }

    protected override void Run(ParseResult args) => RunAsync(args).GetAwaiter().GetResult();

    private async Task RunAsync(ParseResult args)
    {
        string output = args.GetRequiredValue(_output);
        // Workers would wait for a folder that cannot be, as for a full disk.
        PartFolder.RequirePlace(output);
        var input = RowFile.Open(args.GetRequiredValue(_input), Directory.Exists(output) ? output : null);
        if (input.Format == RowFormat.GzipJsonLines)
            Session.Note($"{input.Path} is packed: every shard unpacks it from its beginning; gunzip it first where there are many shards");
        await using var farm = await FarmJobs.ConnectAsync(args, Session);
        var status = Meter.Run(Session, meter => SubmitAsync(args, farm, input, meter).GetAwaiter().GetResult());
        var counts = status.Counts;
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(FarmJobs.Report(status).WriteTo);
        else Session.Say($"job {status.Spec.Id} {status.State}: {counts.DoneRows} of {status.Spec.Rows} rows in {output}, {counts.BadRows} with an error");
        if (counts.RefusedShards > 0) Session.Warn($"shards that were given up, whose rows are errors: {counts.RefusedShards}");
        FarmJobs.RequireNotEnded(status);
        // A row of several answers may be bad and have scores nonetheless.
        if (status.State != JobStatus.Running && counts.BadRows == status.Spec.Rows && PartFolder.Parts(output).Sum(rows => PartFolder.ManifestFor(output, rows)?.Scores ?? 0) == 0)
            BadRows.RequireOneGood(input.Path, counts.BadRows, status.Spec.Rows, output);
    }

    private async Task<JobStatus> SubmitAsync(ParseResult args, FarmClient farm, RowFile input, Meter meter)
    {
        long rows = input.Count(meter.Bytes("counting rows", new FileInfo(input.Path).Length), Session.Cancel);
        if (rows == 0) throw new DataFormatException(input.Path, 0, "holds no rows");
        Task<string> Submit() => farm.SubmitAsync(
            input, args.GetRequiredValue(_output), rows, args.GetValue(_shard) ?? DefaultShard, args.GetValue(_attempts) ?? DefaultAttempts, args.GetValue(PartRows.Format) ?? input.Format);
        string job = await FarmJobs.PatientlyAsync(Submit, Session);
        return args.GetValue(_detach) ? await FarmJobs.PatientlyAsync(() => FarmJobs.StatusAsync(farm, job), Session) : await FarmJobs.WatchAsync(farm, job, Session, meter);
    }
}
