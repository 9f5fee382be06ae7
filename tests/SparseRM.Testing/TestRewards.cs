using SparseRM.Models;
using SparseRM.Scoring;

namespace SparseRM.Testing;

/// <summary>Reward models of given sizes and values.</summary>
public static class TestRewards
{
    /// <summary>Metadata of which nothing matters.</summary>
    public static RewardModelMetadata Metadata(long seed = 1) => new()
    {
        Identity = new ScoringIdentity
        {
            ModelFingerprint = "aa11", ModelName = "miniworld", Layer = 4, Position = ReadOutPosition.Content,
            TemplateName = "gemma", TemplateFingerprint = "bb22", TokenizerFingerprint = "cc33",
        },
        TemplateSource = "{{ bos_token }}\"quoted\"\n\u00e9 \ud83d\ude00",
        DType = "bf16",
        SaeId = "gemma-scope/layer_4",
        GatingMode = null,
        Loss = "margin",
        Margin = 1,
        K = 128,
        Seed = seed,
        DataHash = "dd44",
        Pairs = 1000,
        HeldOutPairs = 100,
        HeldOutAccuracy = 0.97,
        EngineVersion = "0.1.0",
    };

    /// <summary>A reward model of any kind, whose activations would need the SAE.</summary>
    /// <param name="kind">What the head sees.</param>
    /// <param name="dModel">Width of z.</param>
    /// <param name="inputs">Width of v.</param>
    /// <param name="hidden">Units.</param>
    /// <param name="values">So many values.</param>
    public static RewardModel Of(HeadInputKind kind, int dModel, int inputs, int hidden, Func<int, float[]> values)
    {
        bool projects = kind is HeadInputKind.Projection or HeadInputKind.Random;
        bool hasLatents = kind is HeadInputKind.Projection or HeadInputKind.Activations;
        var latents = Enumerable.Range(0, hasLatents ? inputs : 0).Select(latent => new DirectionLatent(latent, 1, 2, 1, 2, 2)).ToArray();
        var input = new HeadInput(kind, dModel, projects ? values(inputs * dModel) : null, latents, gates: null);
        return new RewardModel(input, new RewardHead(inputs, hidden, values(hidden * inputs), values(hidden), values(hidden), 0.25f), new float[inputs], Metadata());
    }
}
