namespace SparseRM.Scoring;

/// <summary>One of the reward models that <see cref="RewardModel.Combine"/> puts together.</summary>
/// <param name="Name">Its name there; the components of a model that has several become <c>Name.component</c>.</param>
/// <param name="Model">The reward model.</param>
/// <param name="Weight">Its factor, which multiplies the weights of its components.</param>
public sealed record RewardPart(string Name, RewardModel Model, double Weight = 1);
