using Orleans.Runtime;
using Orleans.Runtime.Placement;
using SparseRM.Errors;

namespace SparseRM.Farm.Clusters;

/// <summary>Every grain lives on the first silo: where nothing but memory keeps jobs, any other silo may die, and takes none with it.</summary>
[GenerateSerializer]
internal sealed class FirstSiloPlacement : PlacementStrategy;

/// <summary>Finds the first silo by its port.</summary>
internal sealed class FirstSiloDirector(FarmOptions options) : IPlacementDirector
{
    /// <inheritdoc/>
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context) =>
        Task.FromResult(Array.Find(context.GetCompatibleSilos(target), silo => silo.Endpoint.Port == options.Port)
            ?? throw new SparseRMException($"the first silo, at port {options.Port}, is gone, and the farm's jobs with it; stop all others and start them again"));
}
