using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Research.Answers;
using SparseRM.Research.Vocabulary;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM.Research.Latents;

/// <summary>How much is told of each latent.</summary>
public sealed record LatentOptions
{
    /// <summary>Latents a side, where they are chosen here.</summary>
    public int K { get; init; } = 128;

    /// <summary>Contexts of each latent; 0 saves the pass over all tokens.</summary>
    public int Contexts { get; init; } = 5;

    /// <summary>Tokens that its decoder row promotes.</summary>
    public int Promoted { get; init; } = 8;

    /// <summary>Latents with similar decoder rows.</summary>
    public int Nearest { get; init; } = 5;

    /// <summary>Bootstrap samples for the stability of the choice; 0 for none.</summary>
    public int Samples { get; init; } = 200;

    /// <summary>Seed of the samples.</summary>
    public long Seed { get; init; } = 1;
}

/// <summary>What there is to look at; each part is told for which its inputs are there.</summary>
public sealed record LatentSources
{
    /// <summary>A reward model whose latents are told of, and its name; null: they are chosen from the data.</summary>
    public (string Path, RewardModel Reward)? Reward { get; init; }

    /// <summary>Model, SAE and data.</summary>
    public (RewardTrainer Trainer, PreferenceSet Data)? Measured { get; init; }

    /// <summary>The model's folder and its tokenizer, for promoted tokens.</summary>
    public (string Folder, ModelTokenizer? Tokenizer)? Model { get; init; }

    /// <summary>The SAE, for nearest latents.</summary>
    public SparseAutoencoder? Sae { get; init; }

    /// <summary>Texts and links.</summary>
    public required Explanations Explanations { get; init; }
}

/// <summary>What is known of one latent; a part is null or empty where its inputs were not given.</summary>
/// <param name="Latent">Id, side, counts and separation.</param>
/// <param name="P">Exact permutation p-value of its separation.</param>
/// <param name="Adjusted">The same by Holm's correction for all latents of the SAE.</param>
/// <param name="Stability">Share of bootstrap samples of prompts in which it is chosen on its side again.</param>
/// <param name="Contexts">Where it is most active.</param>
/// <param name="Promoted">Tokens whose logits its decoder row raises most, as text with the logit.</param>
/// <param name="Nearest">Latents with similar decoder rows.</param>
/// <param name="Explanation">What others wrote about it.</param>
/// <param name="Link">Its page on Neuronpedia.</param>
public sealed record LatentFacts(DirectionLatent Latent, double? P, double? Adjusted, double? Stability, IReadOnlyList<LatentContext> Contexts,
    IReadOnlyList<(string Token, double Logit)> Promoted, IReadOnlyList<NearLatent> Nearest, string? Explanation, string? Link);

/// <summary>What is known of the latents of a reward model or of some data.</summary>
/// <param name="Latents">Positive ones, then negative ones.</param>
/// <param name="Tested">Latents for which the p-values are corrected: all of the SAE; null where nothing was tested.</param>
/// <param name="Prompts">Prompts whose sides were exchanged; null likewise.</param>
/// <param name="Notes">What is missing and why, one sentence each.</param>
public sealed record LatentReport(IReadOnlyList<LatentFacts> Latents, int? Tested, int? Prompts, IReadOnlyList<string> Notes);

/// <summary>Tells what is known of the latents that carry a reward.</summary>
public static class LatentStudy
{
    /// <summary>Gathers it.</summary>
    /// <param name="sources">What there is.</param>
    /// <param name="options">How much is wanted.</param>
    /// <param name="progress">Told of passes over the model.</param>
    /// <param name="cancel">Heard between batches.</param>
    /// <exception cref="SparseRMException">Reward, SAE and model do not belong together, or no latent separates the data.</exception>
    public static LatentReport Run(LatentSources sources, LatentOptions options, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var notes = new List<string>();
        if (sources is { Reward: { } given, Sae: { } sae } && given.Reward.Metadata.SaeId is { } id && id != sae.Id)
            throw new SparseRMException(ErrorKind.Mismatch, $"{given.Path} was fitted on the SAE {id}, and the SAE that was given is {sae.Id}; give that SAE");
        var answers = sources.Measured is var (trainer, data) ? AnswerSet.ReadWithLatents(trainer, data, progress, cancel) : null;
        var latents = Latents(sources, options, answers, notes);
        int[] ids = [.. latents.Select(latent => latent.Latent)];
        double[]? p = null, adjusted = null, stability = null;
        int? prompts = null;
        if (answers is not null)
        {
            var differences = new PromptDifferences(answers);
            (p, prompts) = (differences.PValues(), differences.Prompts);
            adjusted = SignFlip.Holm(p);
            int k = sources.Reward?.Reward.Metadata.K ?? options.K;
            if (options.Samples > 0) stability = differences.Stability(latents, k, options.Samples, options.Seed, cancel);
        }
        var contexts = answers is null || options.Contexts == 0 ? null
            : new TopContexts(answers, ids, options.Contexts).Read(sources.Measured!.Value.Trainer.Backbone, sources.Sae!, sources.Measured.Value.Trainer.Layer, progress, cancel);
        var nearest = sources.Sae is null || options.Nearest == 0 ? null : NearestLatents.Of(sources.Sae, ids, options.Nearest, cancel);
        var promoted = Promoted(sources, ids, options.Promoted, notes, cancel);
        if (answers is null) notes.Add("frequencies are those of the fit; p-values, stability and contexts need a model, an SAE and data.");
        if (nearest is null && options.Nearest > 0) notes.Add("nearest latents need the SAE.");
        return new LatentReport([.. latents.Select((latent, i) => new LatentFacts(latent, p?[latent.Latent], adjusted?[latent.Latent], stability?[i], contexts?[i] ?? [], promoted?[i] ?? [],
            nearest?[i] ?? [], sources.Explanations.TextOf(latent.Latent), sources.Explanations.LinkOf(latent.Latent)))], p?.Length, prompts, notes);
    }

    private static IReadOnlyList<DirectionLatent> Latents(LatentSources sources, LatentOptions options, AnswerSet? answers, List<string> notes)
    {
        var frequency = answers?.Latents!.Frequency(answers.Pairs);
        if (sources.Reward is not { } reward)
        {
            var selection = DirectionSelector.Select(frequency ?? throw new SparseRMException(ErrorKind.Usage, "latents are a reward file's, or chosen from data; give either"), options.K);
            notes.AddRange(selection.Warnings);
            return selection.All;
        }
        var latents = LatentOverlap.LatentsOf(reward.Path, reward.Reward);
        // Counted again, on the data that was given.
        return frequency is null ? latents : [.. latents.Select(latent => new DirectionLatent(latent.Latent, latent.Sign, frequency.ChosenCounts[latent.Latent],
            frequency.RejectedCounts[latent.Latent], frequency.ChosenSamples, frequency.RejectedSamples))];
    }

    private static (string, double)[][]? Promoted(LatentSources sources, int[] ids, int count, List<string> notes, CancellationToken cancel)
    {
        if (count == 0) return null;
        if (sources.Model is not { } model)
        {
            notes.Add("promoted tokens need the model.");
            return null;
        }
        ReadOnlyMemory<float>? directions = sources.Sae is { } sae ? sae.ReadDirections(ids) : sources.Reward!.Value.Reward.Input is { Kind: HeadInputKind.Projection } input ? input.Directions : null;
        if (directions is null)
        {
            notes.Add("promoted tokens need the SAE: the reward file has no decoder rows.");
            return null;
        }
        if (Unembedding.Open(model.Folder, out string missing) is not { } head)
        {
            notes.Add($"promoted tokens are left out: {missing}.");
            return null;
        }
        notes.Add($"promoted tokens are those of the {(head.IsTied ? "tied embedding" : "matrix lm_head")} with the final norm's weight folded in, less the mean over the vocabulary; the norm's scale is left out.");
        return [.. head.Promoted(directions.Value, count, cancel).Select(tokens => tokens.Select(token => (model.Tokenizer?.TokenText(token.Token) ?? $"<id {token.Token}>", token.Logit)).ToArray())];
    }
}
