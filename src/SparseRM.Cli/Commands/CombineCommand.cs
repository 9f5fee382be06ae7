using System.CommandLine;
using System.Globalization;
using SparseRM.Cli.Terminal;
using SparseRM.Scoring;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm combine</c>: several reward models in one file, whose score is their weighted sum.</summary>
internal sealed class CombineCommand : CliCommand
{
    private const string Form = "--component takes NAME=FILE or NAME=FILE:WEIGHT, such as helpful=helpful.safetensors:0.7";

    private readonly Option<string[]> _components = new("--component")
    {
        Description = "a reward file under a name, with its weight in the sum (default: 1); may be given several times",
        HelpName = "NAME=FILE[:WEIGHT]",
        Required = true,
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<string> _output = Choices.Text("--output", "the reward file to write; - is standard output", "FILE", required: true);

    public CombineCommand(Session session) : base("combine", "Put several reward files of one model, layer and position into one: its score is their weighted sum", session,
        new Example("sparserm combine --component helpful=helpful.safetensors --component safe=safe.safetensors:0.5 --output both.safetensors", "two rewards"),
        new Example("sparserm combine --component good=good.safetensors --component long=long.safetensors:-0.1 --output lean.safetensors", "one that counts against"))
    {
        this.AddAll(_components, _output, CommonOptions.Aggregate, CommonOptions.Json);
    }

    protected override void Run(ParseResult args)
    {
        var given = args.GetRequiredValue(_components).Select(Parse).ToArray();
        string output = args.GetRequiredValue(_output);
        if (given.GroupBy(part => part.Name).FirstOrDefault(group => group.Count() > 1) is { } twice) throw new UsageException($"--component: {twice.Key} is given twice");
        if (output == "-" && args.GetValue(CommonOptions.Json)) throw new UsageException("--json and --output - both want standard output; leave one of them out");
        OutputFile.Probe(output, OutputKind.Reward, [.. given.Select(part => ("--component", (string?)part.File))]);
        foreach (var part in given) Recognised.RefuseSwapped(null, null, part.File);
        ScoreAggregate? aggregate = args.Has(CommonOptions.Aggregate) ? args.GetValue(CommonOptions.Aggregate) : null;
        RewardPart[] parts = [.. given.Select(part => new RewardPart(part.Name, RewardModelFile.Load(part.File), part.Weight))];
        if (parts.FirstOrDefault(part => part.Model.Calibration is not null) is { } calibrated)
            Session.Note($"the calibration of {calibrated.Name} holds for its own scores, not for their sum, so it is left out");
        var combined = RewardModel.Combine(parts, aggregate);
        Session.WriteFile(output, path => RewardModelFile.Save(path, combined));
        if (args.GetValue(CommonOptions.Json)) Session.WriteJson(json => WriteJson(json, output, combined));
        else if (output != "-") Write(output, combined);
    }

    private static (string Name, string File, double Weight) Parse(string text)
    {
        int equals = text.IndexOf('='), colon = text.LastIndexOf(':');
        if (equals <= 0 || equals == text.Length - 1) throw new UsageException($"{Form}; found '{text}'");
        string name = text[..equals], file = text[(equals + 1)..];
        // A colon may belong to a file's name: where no number follows and such a file is there.
        if (colon <= equals || File.Exists(file)) return (name, file, 1);
        if (!double.TryParse(text.AsSpan(colon + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double weight) || !double.IsFinite(weight) || weight == 0)
            throw new UsageException($"{Form}; the weight of '{text}' is not a number other than 0");
        return (name, text[(equals + 1)..colon], weight);
    }

    private void Write(string output, RewardModel combined)
    {
        var table = Tables.Of("Component", ">Weight", ">Heads", ">Held-out accuracy");
        foreach (var component in combined.Components)
        {
            table.Row(component.Name, component.Weight.ToString("R", CultureInfo.InvariantCulture), $"{component.Heads.Count}",
                Tables.Percent(component.Metadata.HeldOutAccuracy ?? double.NaN));
        }
        Session.Tables.Write(table);
        Session.Say($"wrote {output}");
    }

    private static void WriteJson(System.Text.Json.Utf8JsonWriter json, string output, RewardModel combined)
    {
        json.WriteString("output", output);
        json.WriteStartArray("components");
        foreach (var component in combined.Components)
        {
            json.WriteStartObject();
            new Report().Add("name", component.Name).Add("weight", component.Weight).Add("heads", component.Heads.Count)
                .Add("held_out_accuracy", component.Metadata.HeldOutAccuracy).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
