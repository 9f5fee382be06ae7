using SparseRM.Weights;

namespace SparseRM.Scoring;

/// <summary>Reads reward files of format 1: one component with one head, no statistics, no probe and no checksum.</summary>
/// <remarks>
/// Tensors (F32 unless said): <c>directions</c> [n, d_model]; <c>latents</c>, <c>signs</c>, <c>chosen_counts</c>, <c>rejected_counts</c> I64 [n];
/// <c>gates.encoder</c> [n, d_model] and <c>gates.{gate_bias,threshold,scale,magnitude_bias}</c> [n]; <c>head.W1</c> [hidden, n], <c>head.b1</c>, <c>head.W2</c> [hidden],
/// <c>head.b2</c> [1]; <c>mean_input</c> [n]. Which of them there are follows from the kind of input.
/// </remarks>
internal static class RewardFormat1
{
    public const string Version = "1";

    public static RewardModel Read(SafetensorsFile file, RewardFields fields)
    {
        var tensors = new RewardTensors(file, "");
        var kind = fields.Choice<HeadInputKind>("input");
        int dModel = (int)fields.Integer("d_model", 1, 1 << 26), n = tensors.Size("mean_input", 0), hidden = tensors.Size("head.b1", 0);
        float[] meanInput = tensors.Singles("mean_input", n);
        var head = new RewardHead(n, hidden, tensors.Singles("head.W1", hidden, n), tensors.Singles("head.b1", hidden),
            tensors.Singles("head.W2", hidden), tensors.Singles("head.b2", 1)[0]);
        var input = tensors.ReadInput(kind, dModel, n,
            () => ((int)fields.Integer("chosen_samples", 1, int.MaxValue), (int)fields.Integer("rejected_samples", 1, int.MaxValue)));
        file.RequireAllTaken();
        var component = new RewardComponent(RewardComponent.DefaultName, 1, input, [head], meanInput, RewardModelFacts.Read(fields, "", bootstrap: false));
        return new RewardModel([component], ScoreAggregate.Mean,
            [$"{file.Path}: is of format 1, which has no checksum, so that damage may go unnoticed; save it again, or fit again."]);
    }
}
