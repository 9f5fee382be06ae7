using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM;

/// <content>How it is opened, attached and detached.</content>
public sealed partial class RewardScorer
{
    private readonly AttachedReward _attached;
    private int _disposed;

    private RewardScorer(Backbone backbone, RewardModel reward, AttachedReward attached) => (Backbone, Reward, _attached) = (backbone, reward, attached);

    /// <summary>Opens a reward file and the model that it needs, or joins that model where it is open with equal options.</summary>
    /// <param name="rewardPath">A file of <see cref="RewardModelFile"/>.</param>
    /// <param name="options">
    /// The model and how it runs. Dtype and chat template are the reward model's where the options leave them; another template is refused. (An explicit
    /// <see cref="BackboneOptions.Compute"/> is obeyed: scores then differ by its rounding.)
    /// </param>
    /// <param name="sae">The SAE that the reward model was fitted with: only for activations of a top-k SAE.</param>
    /// <param name="progress">Told of the blocks loaded.</param>
    /// <param name="cancel">Checked between blocks.</param>
    /// <exception cref="SparseRMException">A file cannot be read, or model, tokenizer or template are not those of the fit (both are named).</exception>
    public static RewardScorer Open(
        string rewardPath, BackboneOptions options, SparseAutoencoder? sae = null, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var reward = RewardModelFile.Load(rewardPath);
        using var backbone = OpenFor(reward, options, progress, cancel);
        return Attach(backbone, rewardPath, reward, sae, null, cancel);
    }

    /// <summary>As <see cref="Open"/>, without the reward model: the backbone that it can be attached to.</summary>
    public static Backbone OpenFor(RewardModel reward, BackboneOptions options, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var identity = reward.Metadata.Identity;
        bool ownTemplate = options.ChatTemplate is null && options.Template is null && identity.TemplateFingerprint.Length > 0;
        return Backbone.Open(options with
        {
            Compute = options.Compute ?? DTypes.ParseCompute(reward.Metadata.DType),
            Template = ownTemplate ? (identity.TemplateName, reward.Metadata.TemplateSource) : options.Template,
        }, identity.Layer, new StageProgress(progress, "loading blocks", identity.Layer + 1), cancel);
    }

    internal static RewardScorer Attach(
        Backbone backbone, string name, RewardModel reward, SparseAutoencoder? sae, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var identity = reward.Metadata.Identity;
        backbone.Load(identity.Layer, new StageProgress(progress, "loading blocks", identity.Layer + 1), cancel);
        identity.RequireMatches(name, backbone.Identity(identity.Layer, identity.Position));
        if (reward.NeedsSae) RequireSae(name, reward, sae);
        AttachedReward? attached = null;
        backbone.Engine.Use(() => attached = new AttachedReward(backbone.Backend, reward, sae));
        var scorer = new RewardScorer(backbone.Share(), reward, attached!);
        try
        {
            KnownAnswers.Check(scorer, name, 1, cancel);
            return scorer;
        }
        catch
        {
            scorer.Dispose();
            throw;
        }
    }

    internal AttachedReward Attached
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
            return _attached;
        }
    }

    /// <summary>Detaches: what waits for a score gets <see cref="ObjectDisposedException"/>; the model stays as long as somebody else holds it.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        Backbone.Engine.Use(_attached.Dispose);
        Backbone.Dispose();
    }

    private static void RequireSae(string name, RewardModel reward, SparseAutoencoder? sae)
    {
        if (sae is null) throw new SparseRMException($"{name}: this head reads activations of the top-k SAE {reward.Metadata.SaeId}; give that SAE too");
        if (sae.Id != reward.Metadata.SaeId)
            throw new SparseRMException(ErrorKind.Mismatch, $"{name}: the reward model was fitted with SAE {reward.Metadata.SaeId}, but {sae.Id} was given; use the same");
    }
}
