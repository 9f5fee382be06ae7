using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Farm.Clusters;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm farm status</c>: how jobs stand.</summary>
internal sealed class FarmStatusCommand : CliCommand
{
    private readonly Argument<string?> _job = new("JOB") { Description = "a job's id; without it all jobs are listed", Arity = ArgumentArity.ZeroOrOne };

    public FarmStatusCommand(Session session) : base("status", "Tell how jobs stand", session,
        new Example("sparserm farm status", "all jobs"), new Example("sparserm farm status 3f0c5d1e9a72 --json", "one, for a program"))
    {
        Arguments.Add(_job);
        this.AddAll(CommonOptions.Json);
        this.AddAll(FarmSettings.Client);
    }

    protected override void Run(ParseResult args) => RunAsync(args).GetAwaiter().GetResult();

    private async Task RunAsync(ParseResult args)
    {
        await using var farm = await FarmJobs.ConnectAsync(args, Session);
        if (args.GetValue(_job) is { } job)
        {
            var report = FarmJobs.Report(await FarmJobs.PatientlyAsync(() => FarmJobs.StatusAsync(farm, job), Session));
            if (args.GetValue(CommonOptions.Json)) Session.WriteJson(report.WriteTo);
            else Session.Tables.Write(report.ToTable("job"));
            return;
        }
        var table = Tables.Of("job", "state", "rows", "done", "output");
        var jobs = new List<Report>();
        foreach (string id in await FarmJobs.PatientlyAsync(farm.JobsAsync, Session))
        {
            if (await FarmJobs.PatientlyAsync(() => farm.StatusAsync(id), Session) is not { } status) continue;
            table.Row(id, status.State, Tables.Count(status.Spec.Rows), Tables.Count(status.Counts.DoneRows), status.Spec.Output);
            jobs.Add(new Report().Add("job", id).Add("state", status.State).Add("rows", status.Spec.Rows).Add("rows_done", status.Counts.DoneRows).Add("output", status.Spec.Output));
        }
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(new Report().Add("jobs", jobs).WriteTo);
        else Session.Tables.Write(table);
    }
}
