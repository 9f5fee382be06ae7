namespace SparseRM.Server;

/// <summary>Whose answer <c>POST /v1/rerank</c> gives: the requests of both are the same.</summary>
public enum RerankWire
{
    /// <summary>An object with <c>results</c>.</summary>
    Vllm,
    /// <summary>A bare list.</summary>
    Sglang,
}
