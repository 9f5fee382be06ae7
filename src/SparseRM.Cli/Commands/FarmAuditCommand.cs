using System.CommandLine;
using System.Globalization;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Farm.Clusters;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm farm audit</c>: parts computed again by another machine, and their bytes compared.</summary>
internal sealed class FarmAuditCommand : CliCommand
{
    private const double DefaultShare = 0.01;

    private readonly Option<string> _input = Choices.Text("--input", "the file that was scored", "FILE", required: true);
    private readonly Option<string> _output = Choices.Text("--output", "the folder of its parts", "FOLDER", required: true);
    private readonly Option<double> _sample = Choices.Parsed("--sample", "share of the parts, at least one of them (default: 1%)", "PERCENT%", Share);
    private readonly Option<int?> _seed = Choices.Whole("--seed", "chooses the parts (default: 0)", least: 0);

    public FarmAuditCommand(Session session) : base("audit", "Compute parts again on other machines with the same kernels, and compare the bytes", session,
        new Example("sparserm farm audit --input answers.jsonl --output scores --sample 1%", "one part of a hundred; exit code 1 where one differs"))
    {
        this.AddAll(_input, _output, _sample, _seed, CommonOptions.Json);
        this.AddAll(FarmSettings.Client);
    }

    protected override void Run(ParseResult args) => RunAsync(args).GetAwaiter().GetResult();

    private async Task RunAsync(ParseResult args)
    {
        string output = args.GetRequiredValue(_output);
        var input = RowFile.Open(args.GetRequiredValue(_input), output);
        await using var farm = await FarmJobs.ConnectAsync(args, Session);
        double share = args.Has(_sample) ? args.GetValue(_sample) : DefaultShare;
        string job = await FarmJobs.PatientlyAsync(() => farm.AuditAsync(input, output, share, args.GetValue(_seed) ?? 0, attempts: 3), Session);
        var status = Meter.Run(Session, meter => FarmJobs.WatchAsync(farm, job, Session, meter).GetAwaiter().GetResult());
        var counts = status.Counts;
        if (counts.SameMaker > 0) Session.Warn($"parts that their own maker computed again, since no other machine had its kernels: {counts.SameMaker}");
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(FarmJobs.Report(status).WriteTo);
        else Session.Say($"parts of {output} computed again: {counts.Shards}, with {counts.DoneRows} rows; with other bytes: {counts.MismatchCount}");
        if (counts.MismatchCount == 0)
        {
            FarmJobs.RequireNotEnded(status);
            return;
        }
        throw new SparseRMException(ErrorKind.Mismatch, $"{output}: {counts.MismatchCount} of {counts.Shards} parts differ; the first: {counts.Mismatches[0]}; "
            + "remove a part that is wrong with its manifest, and submit the job again");
    }

    private static double Share(string text)
    {
        if (text.EndsWith('%') && double.TryParse(text[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out double percent) && percent is > 0 and <= 100) return percent / 100;
        throw new SparseRMException($"'{text}' is no share above 0% and up to 100%; give one such as 1%");
    }
}
