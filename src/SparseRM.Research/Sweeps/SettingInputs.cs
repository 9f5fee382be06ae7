using SparseRM.Fitting;
using SparseRM.Research.Answers;
using SparseRM.Sae;
using SparseRM.Scoring;

namespace SparseRM.Research.Sweeps;

/// <summary>What the head of a setting sees.</summary>
internal static class SettingInputs
{
    /// <summary>The input that a fit on some pairs makes.</summary>
    /// <param name="setting">Kind, K and seed.</param>
    /// <param name="sae">Its SAE, or null.</param>
    /// <param name="answers">Has the latents of the pairs.</param>
    /// <param name="pairs">The pairs to learn from.</param>
    public static HeadInput Of(SweepSetting setting, SparseAutoencoder? sae, AnswerSet answers, ReadOnlySpan<AnswerPair> pairs)
    {
        if (setting.Input == HeadInputKind.Dense) return HeadInputs.Dense(answers.Width);
        if (setting.Input == HeadInputKind.Random) return HeadInputs.Random(setting.K!.Value, answers.Width, setting.Seed);
        var selection = DirectionSelector.Select(answers.Latents!.Frequency(pairs), setting.K!.Value);
        return setting.Input == HeadInputKind.Projection
            ? HeadInputs.Projection(selection, answers.Width, sae!.ReadDirections([.. selection.All.Select(latent => latent.Latent)]))
            : HeadInputs.Activations(selection, answers.Width, null);
    }

    /// <summary>The head's inputs [answers, width].</summary>
    public static float[] Rows(HeadInput input, AnswerSet answers)
    {
        if (input.Kind != HeadInputKind.Activations) return input.ComputeRows(answers.States, 1);
        int[] latents = [.. input.Latents.Select(latent => latent.Latent)];
        var values = new float[answers.Count * latents.Length];
        for (int row = 0; row < answers.Count; row++) answers.Latents!.Gather(row, latents, values.AsSpan(row * latents.Length, latents.Length));
        return values;
    }
}
