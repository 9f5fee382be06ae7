using SparseRM.Errors;
using SparseRM.Scoring;

namespace SparseRM.Research.Latents;

/// <summary>A latent that two reward models share.</summary>
/// <param name="First">As the first has it.</param>
/// <param name="Second">As the second has it.</param>
public readonly record struct SharedLatent(DirectionLatent First, DirectionLatent Second);

/// <summary>Which latents two reward models on one SAE have in common.</summary>
/// <param name="FirstCount">Latents of the first.</param>
/// <param name="SecondCount">Latents of the second.</param>
/// <param name="Shared">Those of both, by separation in the first.</param>
/// <param name="Expected">How many two random choices of those sizes would share, N1 N2 / d_sae; null where d_sae is not known.</param>
public sealed record LatentOverlap(int FirstCount, int SecondCount, IReadOnlyList<SharedLatent> Shared, double? Expected)
{
    /// <summary>Shared latents that prefer the same side in both.</summary>
    public int SameSide => Shared.Count(latent => latent.First.Sign == latent.Second.Sign);

    /// <summary>|A and B| / |A or B| over latents with their sides.</summary>
    public double Jaccard => (double)SameSide / (FirstCount + SecondCount - SameSide);

    /// <summary>Compares them.</summary>
    /// <param name="first">A reward model and its name.</param>
    /// <param name="second">Another.</param>
    /// <param name="dSae">Latents of the SAE, or null.</param>
    /// <exception cref="SparseRMException">They are of different SAEs, or one has no latents.</exception>
    public static LatentOverlap Of((string Path, RewardModel Reward) first, (string Path, RewardModel Reward) second, int? dSae)
    {
        string? a = first.Reward.Metadata.SaeId, b = second.Reward.Metadata.SaeId;
        if (a != b) throw new SparseRMException(ErrorKind.Mismatch, $"{first.Path} is of the SAE {a ?? "none"} and {second.Path} of {b ?? "none"}, whose latents have nothing to do with each other; compare reward files of one SAE");
        var (one, two) = (LatentsOf(first.Path, first.Reward), LatentsOf(second.Path, second.Reward));
        var others = two.ToDictionary(latent => latent.Latent);
        return new LatentOverlap(one.Count, two.Count, [.. one.Where(latent => others.ContainsKey(latent.Latent)).Select(latent => new SharedLatent(latent, others[latent.Latent]))
            .OrderByDescending(shared => shared.First.Separation)], dSae is { } all ? (double)one.Count * two.Count / all : null);
    }

    /// <summary>The latents of a reward file of one component.</summary>
    /// <exception cref="SparseRMException">It has several components, or its head reads no latents' directions.</exception>
    public static IReadOnlyList<DirectionLatent> LatentsOf(string path, RewardModel reward)
    {
        if (reward.Components is not [var component])
            throw new SparseRMException(ErrorKind.Usage, $"{path} holds {reward.Components.Count} components, each with its own latents; give the file of one of them");
        return component.Input.Latents.Count > 0 ? component.Input.Latents
            : throw new SparseRMException(ErrorKind.Usage, $"{path}: its head reads {(component.Input.Kind == HeadInputKind.Dense ? "the dense state" : "random directions")}, so there are no latents to tell of");
    }
}
