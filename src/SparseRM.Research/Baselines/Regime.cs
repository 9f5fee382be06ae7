using System.Globalization;

namespace SparseRM.Research.Baselines;

/// <summary>Under which circumstances methods learn.</summary>
public sealed class Regime
{
    /// <summary>Everything there is.</summary>
    public const string All = "all";

    /// <summary>Learned as under <see cref="All"/>, tested on pairs of another kind.</summary>
    public const string Shift = "shift";

    private readonly Func<TrainingPairs, long, TrainingPairs> _of;

    private Regime(string name, int least, Func<TrainingPairs, long, TrainingPairs> of) => (Name, Least, _of) = (name, least, of);

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Training pairs below which it means nothing.</summary>
    public int Least { get; }

    /// <summary>Names of all regimes, in the order of the table.</summary>
    public static IReadOnlyList<string> Names { get; } = [All, "8-pairs", "32-pairs", "128-pairs", "imbalance", "noise-5", "noise-20", Shift];

    /// <summary>What a name means, for people.</summary>
    public static string Describe(string name) => name switch
    {
        All => "all pairs",
        Shift => "shift: all pairs, tested on the shifted ones",
        "imbalance" => string.Create(CultureInfo.InvariantCulture, $"imbalance: one preferred answer for {TrainingPairs.Imbalance} others"),
        "noise-5" => "label noise: 5 % of the pairs exchanged",
        "noise-20" => "label noise: 20 % of the pairs exchanged",
        _ => $"scarcity: {name.Replace('-', ' ')}",
    };

    /// <summary>Those that change what is learned from.</summary>
    internal static IReadOnlyList<Regime> Training { get; } =
    [
        new(All, 1, (pairs, _) => pairs),
        .. new[] { 8, 32, 128 }.Select(count => new Regime($"{count}-pairs", count + 1, (pairs, seed) => pairs.Scarce(count, seed))),
        new("imbalance", 4 * TrainingPairs.Imbalance, (pairs, seed) => pairs.Imbalanced(seed)),
        new("noise-5", 20, (pairs, seed) => pairs.Noisy(0.05, seed)),
        new("noise-20", 5, (pairs, seed) => pairs.Noisy(0.2, seed)),
    ];

    /// <summary>The pairs to learn from in a draw, or null where there are too few for this regime to mean anything.</summary>
    internal TrainingPairs? Of(TrainingPairs pairs, long seed) => pairs.Pairs.Length < Least ? null : _of(pairs, seed);
}
