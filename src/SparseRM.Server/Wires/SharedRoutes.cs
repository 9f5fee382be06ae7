using SparseRM.Server.Http;

namespace SparseRM.Server.Wires;

/// <summary>Paths that two owners use: which wire is meant is told by the fields of the request.</summary>
internal static class SharedRoutes
{
    /// <summary>The routes.</summary>
    /// <param name="rerank">Whose answer <c>/v1/rerank</c> gives.</param>
    public static IEnumerable<WireRoute> All(RerankWire rerank) =>
    [
        new("POST", "/classify", "vllm", ErrorShapes.OpenAi, ClassifyAsync),
        new("POST", "/score", "vllm", ErrorShapes.OpenAi, VllmScoreWire.AnswerAsync),
        new("POST", "/v1/score", "vllm", ErrorShapes.OpenAi, ScoreAsync),
        new("POST", "/rerank", "vllm", ErrorShapes.OpenAi, RerankAsync),
        rerank == RerankWire.Vllm
            ? new("POST", "/v1/rerank", "vllm", ErrorShapes.OpenAi, VllmRerankWire.AnswerAsync)
            : new("POST", "/v1/rerank", "sglang", ErrorShapes.SglangOpenAi, SglangOpenAiWire.RerankAsync),
        new("POST", "/v2/rerank", "vllm", ErrorShapes.OpenAi, VllmRerankWire.AnswerAsync),
    ];

    private static Task ClassifyAsync(WireCall call)
    {
        if (call.Request.Has("input") || call.Request.Has("messages")) return VllmClassifyWire.AnswerAsync(call);
        if (!call.Request.Has("text") && !call.Request.Has("input_ids"))
            throw new Fault(FaultKind.Field, "give input or messages (vLLM), or text or input_ids (SGLang)", "input");
        (call.Wire, call.Errors) = ("sglang", ErrorShapes.Sglang);
        return SglangWire.ClassifyAsync(call);
    }

    private static Task ScoreAsync(WireCall call)
    {
        if (!call.Request.Has("query")) return VllmScoreWire.AnswerAsync(call);
        (call.Wire, call.Errors) = ("sglang", ErrorShapes.SglangOpenAi);
        return SglangOpenAiWire.ScoreAsync(call);
    }

    private static Task RerankAsync(WireCall call)
    {
        if (call.Request.Has("documents")) return VllmRerankWire.AnswerAsync(call);
        (call.Wire, call.Errors) = ("tei", ErrorShapes.Tei);
        return TeiWire.RerankAsync(call);
    }
}
