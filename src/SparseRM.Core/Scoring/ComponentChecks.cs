using SparseRM.Errors;

namespace SparseRM.Scoring;

/// <summary>Whether components can score one hidden state together.</summary>
internal static class ComponentChecks
{
    /// <exception cref="SparseRMException">Two have one name, or were fitted with different things; names both.</exception>
    public static void RequireOneState(IReadOnlyList<RewardComponent> components)
    {
        var first = components[0];
        for (int i = 1; i < components.Count; i++)
        {
            var other = components[i];
            if (components.Take(i).Any(before => before.Name == other.Name))
                throw new SparseRMException($"two components have the name \"{other.Name}\"; give each its own.");
            var difference = first.Metadata.Identity.FirstDifference(other.Metadata.Identity);
            if (difference is null && first.Metadata.DType != other.Metadata.DType) difference = ("dtype", first.Metadata.DType, other.Metadata.DType);
            if (difference is null && first.Input.DModel != other.Input.DModel) difference = ("d_model", $"{first.Input.DModel}", $"{other.Input.DModel}");
            if (difference is { } found)
            {
                throw new SparseRMException($"components \"{first.Name}\" and \"{other.Name}\" cannot be combined: "
                    + $"they were fitted with {found.What} {found.Own} and {found.Other}; fit both with the same.");
            }
        }
    }
}
