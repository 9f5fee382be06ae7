using SparseRM.Errors;

namespace SparseRM.Fitting;

/// <summary>What the head is trained to minimise over pairs of scores.</summary>
public enum PreferenceLossKind
{
    /// <summary>max(0, gamma - (s_w - s_l)): the method's own.</summary>
    Margin,
    /// <summary>softplus(s_l - s_w) = -log sigmoid(s_w - s_l).</summary>
    BradleyTerry,
    /// <summary>(softplus(-s_w) + softplus(s_l)) / 2: each answer classified by itself.</summary>
    Bce,
}

/// <summary>Value and derivatives of the loss of one pair (s_w: score of the preferred answer, s_l: of the rejected one), in float64.</summary>
/// <param name="Kind">Which loss.</param>
/// <param name="Margin">gamma of <see cref="PreferenceLossKind.Margin"/>; the other losses ignore it.</param>
/// <remarks>Stable for scores of any size: softplus and sigmoid never overflow. Source: arXiv 2511.07896 (margin and both ablations).</remarks>
public readonly record struct PreferenceLoss(PreferenceLossKind Kind, double Margin = 1)
{
    /// <summary>The loss of one pair.</summary>
    public double Value(double chosenScore, double rejectedScore) => Kind switch
    {
        PreferenceLossKind.Margin => Math.Max(0, Margin - (chosenScore - rejectedScore)),
        PreferenceLossKind.BradleyTerry => Softplus(rejectedScore - chosenScore),
        _ => 0.5 * (Softplus(-chosenScore) + Softplus(rejectedScore)),
    };

    /// <summary>(d loss / d s_w, d loss / d s_l); at the kink of the margin loss both are 0.</summary>
    public (double Chosen, double Rejected) Derivatives(double chosenScore, double rejectedScore)
    {
        switch (Kind)
        {
            case PreferenceLossKind.Margin:
                return Margin - (chosenScore - rejectedScore) > 0 ? (-1, 1) : (0, 0);
            case PreferenceLossKind.BradleyTerry:
                double wrong = Sigmoid(rejectedScore - chosenScore);
                return (-wrong, wrong);
            default:
                return (-0.5 * Sigmoid(-chosenScore), 0.5 * Sigmoid(rejectedScore));
        }
    }

    /// <summary>The name that options and reward files use: <c>margin</c>, <c>bradley-terry</c>, <c>bce</c>.</summary>
    public static string Name(PreferenceLossKind kind) => kind switch
    {
        PreferenceLossKind.Margin => "margin",
        PreferenceLossKind.BradleyTerry => "bradley-terry",
        _ => "bce",
    };

    /// <summary>The loss of a <see cref="Name"/>.</summary>
    /// <exception cref="SparseRMException">No such loss.</exception>
    public static PreferenceLossKind Parse(string name) => name switch
    {
        "margin" => PreferenceLossKind.Margin,
        "bradley-terry" => PreferenceLossKind.BradleyTerry,
        "bce" => PreferenceLossKind.Bce,
        _ => throw new SparseRMException($"there is no loss \"{name}\"; use margin, bradley-terry or bce."),
    };

    private static double Softplus(double x) => Math.Max(x, 0) + Log1PlusExp(-Math.Abs(x));

    // -53 ln 2: from here down 1 + e^x rounds to 1.
    private const double RoundsToOne = -36.7368005696771;

    /// <summary>log(1 + e^x) for x at most 0; where the sum would round to 1, e^x itself is the answer.</summary>
    private static double Log1PlusExp(double x) => x <= RoundsToOne ? Math.Exp(x) : Math.Log(1 + Math.Exp(x));

    private static double Sigmoid(double x)
    {
        double small = Math.Exp(-Math.Abs(x));
        return x >= 0 ? 1 / (1 + small) : small / (1 + small);
    }
}
