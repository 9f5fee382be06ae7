using System.CommandLine;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Fitting;
using SparseRM.Research.Choosing;
using Spectre.Console;

namespace SparseRM.Cli.Commands;

/// <summary>Chooses settings of a <c>fit</c>, and shows what was chosen among.</summary>
internal sealed class SettingChooser : IDisposable
{
    private readonly Session _session;
    private readonly Backbone _backbone;
    private readonly HiddenStateCache? _cache;

    private SettingChooser(Session session, Backbone backbone, HiddenStateCache? cache) => (_session, _backbone, _cache) = (session, backbone, cache);

    /// <summary>Opens model and cache.</summary>
    public static SettingChooser Open(TrainerOptions reading, Session session)
    {
        var backbone = Backbone.Open(reading.Backbone, 0, null, session.Cancel);
        try
        {
            return new SettingChooser(session, backbone, reading.CacheFolder is { } folder ? HiddenStateCache.Open(folder) : null);
        }
        catch
        {
            backbone.Dispose();
            throw;
        }
    }

    /// <summary>Chooses; under <c>--skip-bad</c> what cannot be encoded at one of the positions is left out.</summary>
    public ChosenSetting Choose(ParseResult args, ref PreferenceSet data, TrainerOptions reading, FitOptions fit, Meter meter)
    {
        var options = AutoSettings.Choice(args, reading, fit);
        foreach (var position in options.Positions) data = DataSettings.LeaveOutBad(args, data, _backbone, position, _session);
        var left = data;
        var chosen = DataSettings.Advised(args, () => NestedChoice.Run(_backbone, options, left, _cache, meter, _session.Cancel));
        if (_cache?.WriteProblem is { } problem) _session.Warn(problem);
        return chosen;
    }

    /// <summary>The fit of what was chosen; its states are in hand, so it needs no cache.</summary>
    public static (TrainerOptions Trainer, FitOptions Fit) Take(ChosenSetting chosen, TrainerOptions reading, FitOptions fit) => (
        reading with { Sae = chosen.Setting.Sae ?? reading.Sae, Layer = chosen.Setting.Layer, Position = chosen.Setting.Position, CacheFolder = null },
        fit with { K = chosen.Setting.K ?? fit.K });

    public static string Sentence(ChosenSetting chosen)
    {
        var accuracy = chosen.Choice.Accuracy;
        return $"Choosing so orders {Tables.Percent(accuracy.Accuracy)} of pairs rightly that had no say in the choice ({chosen.Choice.OuterFolds} outer folds, 95 % interval {Tables.Percent(accuracy.Low)} to {Tables.Percent(accuracy.High)}); "
            + "the accuracies of the table chose, so the best of them flatters.";
    }

    public static Table TableOf(ChosenSetting chosen)
    {
        var table = Tables.Of("Position", ">Layer", "SAE", ">K", ">Inner accuracy", "");
        foreach (var tried in chosen.Tried)
        {
            var setting = tried.Setting;
            table.Row(setting.Position.ToString().ToLowerInvariant(), $"{setting.Layer}", setting.Sae is { } sae ? Path.GetFileName(Path.TrimEndingDirectorySeparator(sae)) : "none",
                setting.K is { } k ? $"{k}" : "-", Tables.Percent((double)tried.Correct / tried.Total), setting == chosen.Setting ? "chosen" : "");
        }
        return table;
    }

    public static void WriteTo(Utf8JsonWriter json, ChosenSetting chosen)
    {
        json.WriteStartObject("choice");
        new Report().Add("outer_folds", chosen.Choice.OuterFolds).Add("inner_folds", chosen.Choice.InnerFolds).Add("correct", chosen.Choice.Correct).Add("pairs", chosen.Choice.Total).WriteTo(json);
        json.WriteStartArray("tried");
        foreach (var tried in chosen.Tried)
        {
            json.WriteStartObject();
            var setting = tried.Setting;
            new Report().Add("position", setting.Position.ToString().ToLowerInvariant()).Add("layer", setting.Layer).Add("sae", setting.Sae).Add("k", setting.K)
                .Add("inner_accuracy", (double)tried.Correct / tried.Total).Add("chosen", setting == chosen.Setting).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public void Dispose()
    {
        _cache?.Dispose();
        _backbone.Dispose();
    }
}
