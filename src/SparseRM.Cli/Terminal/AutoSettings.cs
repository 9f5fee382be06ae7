using System.CommandLine;
using System.Globalization;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Research.Choosing;
using SparseRM.Scoring;

namespace SparseRM.Cli.Terminal;

/// <summary>One value, or some among which <c>fit</c> chooses.</summary>
/// <param name="Values">The value, or those to choose among; null where the user leaves them to the command.</param>
/// <param name="IsAuto">Whether to choose.</param>
internal sealed record Candidates<T>(IReadOnlyList<T>? Values, bool IsAuto);

/// <summary>Settings of <c>fit</c> that can be chosen by nested cross-validation.</summary>
internal static class AutoSettings
{
    private const string Auto = "auto";

    public static Option<Candidates<int>?> K { get; } = Whole("--k",
        $"latents on each side, or auto to choose by nested cross-validation among {string.Join(", ", ChoiceOptions.DefaultKs)} or the values named (default: 128)", least: 1);

    public static Option<Candidates<int>?> Layer { get; } = Whole("--layer",
        "block after which the residual stream is read, 0-based, or auto to choose among those of the SAEs or, without one, all (default: the SAE's)", least: 0);

    public static Option<Candidates<ReadOutPosition>?> Position { get; } = Of("--position",
        "where the state is read: the last token (default), the answer's last token, the mean over the answer, or auto to choose", "last|content|mean|auto[:NAME,..]", ParsePosition);

    // Each may be named more than once, for --layer auto.
    public static Option<string[]> Saes { get; } = new("--sae")
    {
        Description = "the SAE's folder, file or hub id, to fit on projections or activations; several, of different layers, for --layer auto", HelpName = "PATH", AllowMultipleArgumentsPerToken = false,
    };

    public static IReadOnlyList<Option> All { get; } = [Saes, K, Layer, Position];

    /// <summary>The settings of a fit that the shared options stand for, with what is not to be chosen.</summary>
    public static (TrainerOptions Trainer, FitOptions Fit) Read(ParseResult args, TrainerOptions trainer, FitOptions fit) => (
        trainer with
        {
            Sae = args.Given(Saes)?[0],
            Layer = One(args.GetValue(Layer)),
            Position = args.GetValue(Position) is { IsAuto: false } position ? position.Values![0] : ReadOutPosition.Last,
        },
        fit with { K = One(args.GetValue(K)) ?? fit.K });

    /// <summary>Whether something is to be chosen.</summary>
    public static bool IsAsked(ParseResult args) => args.GetValue(K) is { IsAuto: true } || args.GetValue(Layer) is { IsAuto: true } || args.GetValue(Position) is { IsAuto: true };

    /// <summary>Between what.</summary>
    public static ChoiceOptions Choice(ParseResult args, TrainerOptions trainer, FitOptions fit)
    {
        Candidates<int>? k = args.GetValue(K), layer = args.GetValue(Layer);
        return new ChoiceOptions
        {
            Saes = args.Given(Saes) ?? [], Input = fit.Input, Training = fit.Training, LlamaScopeMode = trainer.LlamaScopeMode,
            Ks = k is { IsAuto: true } ? k.Values : [fit.K],
            Layers = layer?.Values,
            Positions = args.GetValue(Position) is { } position ? position.Values ?? [ReadOutPosition.Last, ReadOutPosition.Content, ReadOutPosition.Mean] : [ReadOutPosition.Last],
        };
    }

    /// <summary>Refuses what no file need be read for.</summary>
    public static void Check(ParseResult args, FitOptions fit)
    {
        bool needsSae = fit.Input is HeadInputKind.Projection or HeadInputKind.Activations, layers = args.GetValue(Layer) is { IsAuto: true };
        int saes = args.Given(Saes)?.Length ?? 0;
        if (args.GetValue(K) is { IsAuto: true } && fit.Input == HeadInputKind.Dense) throw new UsageException("--k auto has nothing to choose: --input dense has no K");
        if (saes > 1 && !layers) throw new UsageException("several --sae are for --layer auto, which chooses among their layers; add it, or name one --sae");
        if (layers && needsSae && saes < 2) throw new UsageException("--layer auto chooses among the layers of several --sae; name one for each layer, or say --input dense or random");
    }

    private static int? One(Candidates<int>? candidates) => candidates is { IsAuto: false } ? candidates.Values![0] : null;

    private static Option<Candidates<int>?> Whole(string name, string description, int least) => Of<int>(name, description, $"N|{Auto}[:N,..]", text =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least
            ? value : throw new SparseRMException(ErrorKind.Usage, $"'{text}' is neither a whole number from {least} to {int.MaxValue} nor {Auto}; {Auto}:N,N names values to choose among"));

    private static Option<Candidates<T>?> Of<T>(string name, string description, string helpName, Func<string, T> parse) => Choices.Parsed<Candidates<T>?>(name, description, helpName, text =>
    {
        if (text == Auto) return new Candidates<T>(null, true);
        if (!text.StartsWith(Auto + ":", StringComparison.Ordinal)) return new Candidates<T>([parse(text)], false);
        return new Candidates<T>([.. text[(Auto.Length + 1)..].Split(',', StringSplitOptions.TrimEntries).Select(parse).Distinct()], true);
    });

    private static ReadOutPosition ParsePosition(string text) => text switch
    {
        "last" => ReadOutPosition.Last,
        "content" => ReadOutPosition.Content,
        "mean" => ReadOutPosition.Mean,
        _ => throw new SparseRMException(ErrorKind.Usage, $"'{text}' is not one of last, content, mean, {Auto}"),
    };
}
