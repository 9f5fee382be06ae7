using System.CommandLine;
using SparseRM.Cli.Terminal;

namespace SparseRM.Cli.Commands;

/// <summary>What an option that several commands share says in the help of one: its use and its default there.</summary>
internal static class HelpWords
{
    /// <summary>Gives the options of a command the descriptions that they have in its help.</summary>
    public static void AddTo(Command command)
    {
        foreach (var option in command.Options) option.Description = Of(option, command);
    }

    private static string? Of(Option option, Command command)
    {
        if (option == CommonOptions.DType) return $"{option.Description} (default: {DType(command)})";
        if (option == FitSettings.Sae)
        {
            return option.Description + Of(command, "", ", where the reward's head reads activations of a top-k SAE",
                ": to fit on projections or activations, and to score only where the head reads activations of a top-k SAE");
        }
        string? other = option == FitSettings.Layer ? Of(command, "the SAE's", "the reward file's", "the SAE's to fit, the reward file's to score")
            : option == CommonOptions.ChatTemplate ? Of(command, "the model's own", "the reward file's", "the reward file's where one is given, else the model's own")
            : option == CommonOptions.LlamaScope ? Of(command, "official", "as for the reward file", "as for the reward file where one is given, else official")
            : option == CommonOptions.Aggregate && command is CombineCommand ? "the components'"
            : option == CommonOptions.Aggregate ? Of(command, "mean", "the reward file's", "mean to fit, the reward file's to score")
            : null;
        return other is null ? option.Description : $"{option.Description} (default: {other})";
    }

    private static string DType(Command command) => command switch
    {
        ActivationsCommand or EncodeCommand or DemoCommand => "f32",
        BenchOpsCommand => "f32 and bf16",
        BenchAbCommand => "bf16",
        _ => Of(command, "auto", "the reward file's", "auto to fit, the reward file's to score"),
    };

    /// <summary>One of three: for a command that has no reward file, that only scores with one, or that does either.</summary>
    private static string Of(Command command, string without, string scores, string both)
    {
        bool hasReward = command.Options.Any(option => option.Name == "--reward") || command.Arguments.Any(argument => argument.Name == "REWARD");
        return !hasReward ? without : command.Options.Contains(FitSettings.K) ? both : scores;
    }
}
