using SparseRM.Scoring;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Scoring;

/// <summary>Writes reward files of format 1, as engine 0.1.0 did.</summary>
internal static class RewardFormat1Writer
{
    public static void Save(string path, RewardModel model)
    {
        var (component, head) = (model.Components[0], model.Head);
        var fields = new Dictionary<string, string>
        {
            ["format"] = RewardModelFile.Format, ["format_version"] = "1",
            ["input"] = HeadInput.Name(component.Input.Kind), ["d_model"] = $"{model.DModel}",
        };
        RewardModelFacts.WriteShared(fields, model.Metadata);
        RewardModelFacts.WriteOwn(fields, "", model.Metadata);
        if (component.Input.Latents.Count > 0)
        {
            fields["chosen_samples"] = $"{component.Input.Latents[0].ChosenSamples}";
            fields["rejected_samples"] = $"{component.Input.Latents[0].RejectedSamples}";
        }
        SafetensorsWriter.Write(path,
        [
            .. RewardTensors.OfInput("", component),
            TensorToWrite.Singles("head.W1", head.W1, head.HiddenUnits, head.InputCount),
            TensorToWrite.Singles("head.b1", head.B1, head.HiddenUnits),
            TensorToWrite.Singles("head.W2", head.W2, head.HiddenUnits),
            TensorToWrite.Singles("head.b2", new[] { head.B2 }, 1),
        ], fields);
    }
}
