using SparseRM.Server.Http;

namespace SparseRM.Server.Wires;

/// <summary>Paths that two owners use: which wire is meant is told by the fields of the request.</summary>
internal static class SharedRoutes
{
    /// <summary>The routes.</summary>
    /// <param name="rerank">Whose answer <c>/v1/rerank</c> gives.</param>
    public static IEnumerable<WireRoute> All(RerankWire rerank) =>
    [
        new("POST", "/classify", "vllm", ErrorShapes.OpenAi, call => IsVllm(call) ? VllmClassifyWire.AnswerAsync(call) : SglangWire.ClassifyAsync(call))
        {
            Tell = call => Tell(call, call.Request.Has("input") || call.Request.Has("messages") || !(call.Request.Has("text") || call.Request.Has("input_ids")), "sglang", ErrorShapes.Sglang),
        },
        new("POST", "/score", "vllm", ErrorShapes.OpenAi, VllmScoreWire.AnswerAsync),
        new("POST", "/v1/score", "vllm", ErrorShapes.OpenAi, call => IsVllm(call) ? VllmScoreWire.AnswerAsync(call) : SglangOpenAiWire.ScoreAsync(call))
        {
            Tell = call => Tell(call, !call.Request.Has("query"), "sglang", ErrorShapes.SglangOpenAi),
        },
        new("POST", "/rerank", "vllm", ErrorShapes.OpenAi, call => IsVllm(call) ? VllmRerankWire.AnswerAsync(call) : TeiWire.RerankAsync(call))
        {
            Tell = call => Tell(call, call.Request.Has("documents"), "tei", ErrorShapes.Tei),
        },
        rerank == RerankWire.Vllm
            ? new("POST", "/v1/rerank", "vllm", ErrorShapes.OpenAi, VllmRerankWire.AnswerAsync)
            : new("POST", "/v1/rerank", "sglang", ErrorShapes.SglangOpenAi, SglangOpenAiWire.RerankAsync),
        new("POST", "/v2/rerank", "vllm", ErrorShapes.OpenAi, VllmRerankWire.AnswerAsync),
    ];

    private static bool IsVllm(WireCall call) => call.Wire == "vllm";

    private static void Tell(WireCall call, bool isVllm, string other, ErrorShape errors)
    {
        if (!isVllm) (call.Wire, call.Errors) = (other, errors);
    }
}
