using SparseRM.Server.Faults;
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
            Tell = call => Tell(call, ["input", "messages"], ["text", "input_ids"], "sglang", ErrorShapes.Sglang),
        },
        new("POST", "/score", "vllm", ErrorShapes.OpenAi, VllmScoreWire.AnswerAsync),
        new("POST", "/v1/score", "vllm", ErrorShapes.OpenAi, call => IsVllm(call) ? VllmScoreWire.AnswerAsync(call) : SglangOpenAiWire.ScoreAsync(call))
        {
            Tell = call => Tell(call, ["queries", "text_1", "data_1"], ["query"], "sglang", ErrorShapes.SglangOpenAi),
        },
        new("POST", "/rerank", "vllm", ErrorShapes.OpenAi, call => IsVllm(call) ? VllmRerankWire.AnswerAsync(call) : TeiWire.RerankAsync(call))
        {
            Tell = call => Tell(call, ["documents"], ["texts"], "tei", ErrorShapes.Tei),
        },
        rerank == RerankWire.Vllm
            ? new("POST", "/v1/rerank", "vllm", ErrorShapes.OpenAi, VllmRerankWire.AnswerAsync)
            : new("POST", "/v1/rerank", "sglang", ErrorShapes.SglangOpenAi, SglangOpenAiWire.RerankAsync),
        new("POST", "/v2/rerank", "vllm", ErrorShapes.OpenAi, VllmRerankWire.AnswerAsync),
    ];

    private static bool IsVllm(WireCall call) => call.Wire == "vllm";

    /// <summary>Fields of both owners make it no request of either.</summary>
    private static void Tell(WireCall call, ReadOnlySpan<string> ofVllm, ReadOnlySpan<string> ofOther, string other, ErrorShape errors)
    {
        string? vllm = Given(call, ofVllm), others = Given(call, ofOther);
        if (vllm is not null && others is not null)
            throw new Fault(FaultKind.Field, $"{vllm} and {others} are both given, and only one of them can be scored; give one", others);
        if (others is not null) (call.Wire, call.Errors) = (other, errors);
    }

    private static string? Given(WireCall call, ReadOnlySpan<string> names)
    {
        foreach (string name in names)
            if (call.Request.Has(name)) return name;
        return null;
    }
}
