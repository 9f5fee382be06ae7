using SparseRM.Server.Http;

namespace SparseRM.Server.Wires;

/// <summary>All routes of the server.</summary>
internal static class WireRoutes
{
    /// <summary>Every route.</summary>
    /// <param name="rerank">Whose answer <c>/v1/rerank</c> gives.</param>
    public static IReadOnlyList<WireRoute> All(RerankWire rerank) =>
    [
        .. RewardsWire.Routes, .. OpenRlhfWire.Routes, .. SharedRoutes.All(rerank), .. VllmPoolingWire.Routes, .. EmbeddingsWire.Routes, .. ModelsWire.Routes,
        .. SglangWire.Routes, .. TeiWire.Routes, .. SlimeWire.Routes, .. NemoGymWire.Routes, .. RollWire.Routes, .. OperationRoutes.Routes, .. PageRoutes.Routes,
    ];
}
