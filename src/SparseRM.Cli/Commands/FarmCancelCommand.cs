using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Farm.Clusters;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm farm cancel</c>: ends a job.</summary>
internal sealed class FarmCancelCommand : CliCommand
{
    private readonly Argument<string> _job = new("JOB") { Description = "the job's id, as submit and status tell it" };

    public FarmCancelCommand(Session session) : base("cancel", "End a job; parts that are done stay, and submitting it again goes on", session,
        new Example("sparserm farm cancel 3f0c5d1e9a72", "its workers stop within some seconds"))
    {
        Arguments.Add(_job);
        this.AddAll(CommonOptions.Json);
        this.AddAll(FarmSettings.Client);
    }

    protected override void Run(ParseResult args) => RunAsync(args).GetAwaiter().GetResult();

    private async Task RunAsync(ParseResult args)
    {
        string job = args.GetRequiredValue(_job);
        await using var farm = await FarmJobs.ConnectAsync(args, Session);
        var status = await FarmJobs.PatientlyAsync(
            async () =>
            {
                await FarmJobs.StatusAsync(farm, job);
                await farm.CancelAsync(job);
                return await FarmJobs.StatusAsync(farm, job);
            },
            Session);
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(FarmJobs.Report(status).WriteTo);
        else Session.Say($"job {job} {status.State}: {status.Counts.DoneRows} of {status.Spec.Rows} rows are done");
    }
}
