using System.CommandLine;
using SparseRM.Data;
using SparseRM.Scoring;

namespace SparseRM.Cli.Terminal;

/// <summary>A study of states of some pairs: what is opened, checked and said around it is the same for every command.</summary>
internal static class Studies
{
    /// <summary>Opens model, SAE and cache, leaves bad rows out where that is asked for, and runs a study.</summary>
    /// <param name="args">Of the command.</param>
    /// <param name="session">Told of the backend, of notes and of warnings.</param>
    /// <param name="meter">Shows how far it is.</param>
    /// <param name="reading">How states are read; as the reward model reads them where there is one.</param>
    /// <param name="reward">A reward model that must be of this model, and its file; or null.</param>
    /// <param name="sets">Pairs: first those that must be there, then others or null in their place.</param>
    /// <param name="study">Told the trainer, and the sets with what is good of them.</param>
    /// <param name="what">What is studied, in some words.</param>
    /// <returns>What the study found; and model, layer, what is studied, and data, in a line.</returns>
    /// <exception cref="Errors.SparseRMException">Something cannot be opened or read, or the reward model is of another model.</exception>
    public static (T Result, string About) Run<T>(
        ParseResult args, Session session, Meter meter, TrainerOptions reading, (string Path, RewardModel Reward)? reward, PreferenceSet?[] sets,
        Func<RewardTrainer, PreferenceSet?[], T> study, string what)
    {
        if (reward is var (_, fitted)) reading = FitSettings.AsFitted(args, reading, fitted);
        using var trainer = RewardTrainer.Open(reading, meter, session.Cancel);
        var backbone = trainer.Backbone;
        session.SayBackend(args, backbone.Description);
        foreach (string note in trainer.Notes) session.Note(note);
        var identity = backbone.Identity(trainer.Layer, reading.Position);
        if (reward is var (path, known)) known.Metadata.Identity.RequireMatches(path, identity);
        PreferenceSet?[] good = [.. sets.Select(set => set is null ? null : DataSettings.LeaveOutBad(args, set, backbone, reading.Position, session))];
        long before = backbone.Encoder.CutInputs;
        var result = DataSettings.Advised(args, () => study(trainer, good));
        session.TellOfData(backbone, good[0]!, backbone.Encoder.CutInputs - before);
        foreach (string warning in trainer.Warnings) session.Warn(warning);
        return (result, $"{identity.ModelName}, layer {trainer.Layer}, {what}, data {Path.GetFileName(good[0]!.Path)}");
    }
}
