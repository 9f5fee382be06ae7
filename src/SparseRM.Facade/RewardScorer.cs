using SparseRM.Data;
using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;
using SparseRM.Text;

namespace SparseRM;

/// <summary>Scores answers with a fitted reward model that is attached to a <see cref="SparseRM.Backbone"/>. Thread-safe.</summary>
/// <remarks>
/// score = head(projection(z)), z the residual state of the prompt with its answer at the reward model's layer and position. The same text has
/// the same bits of score alone, in any batch and order, from any number of callers, on any number of threads, with a known prefix and without. No SAE is
/// in memory, unless the reward model reads activations of a top-k SAE.
/// </remarks>
public sealed class RewardScorer : IDisposable
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
        return Attach(backbone, rewardPath, reward, sae);
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

    internal static RewardScorer Attach(Backbone backbone, string name, RewardModel reward, SparseAutoencoder? sae)
    {
        var identity = reward.Metadata.Identity;
        backbone.Load(identity.Layer);
        identity.RequireMatches(name, backbone.Identity(identity.Layer, identity.Position));
        if (reward.NeedsSae) RequireSae(name, reward, sae);
        AttachedReward? attached = null;
        backbone.Engine.Use(() => attached = new AttachedReward(backbone.Backend, reward, sae));
        var scorer = new RewardScorer(backbone.Share(), reward, attached!);
        try
        {
            KnownAnswers.Check(scorer, name, 1, CancellationToken.None);
            return scorer;
        }
        catch
        {
            scorer.Dispose();
            throw;
        }
    }

    /// <summary>The model that gives the states, and the encoder of inputs.</summary>
    public Backbone Backbone { get; }

    /// <summary>The reward model.</summary>
    public RewardModel Reward { get; }

    /// <summary>Block after which it reads.</summary>
    public int Layer => Reward.Metadata.Identity.Layer;

    /// <summary>Where it reads.</summary>
    public ReadOutPosition Position => Reward.Metadata.Identity.Position;

    /// <summary>The score of an answer to a prompt.</summary>
    /// <exception cref="SparseRMException">The chat template refuses the dialogue, or it is too long.</exception>
    public float Score(string prompt, string answer) => Score([new("user", prompt), new("assistant", answer)]);

    /// <summary>The score of a dialogue's last message.</summary>
    public float Score(IReadOnlyList<Message> dialogue) => ScoreOne(Backbone.Encoder.Encode(dialogue));

    /// <summary>The score of a text that was rendered already (special tokens in it are tokens).</summary>
    public float ScoreText(string rendered) => ScoreOne(Backbone.Encoder.EncodeText(rendered));

    /// <summary>The score of token ids, used as they are.</summary>
    public float ScoreIds(int[] ids) => ScoreOne(Backbone.Encoder.EncodeIds(ids));

    /// <summary>Scores of many answers to one prompt; the prompt is computed once.</summary>
    public float[] ScoreGroup(IReadOnlyList<Message> prompt, IReadOnlyList<string> answers, CancellationToken cancel = default) =>
        ScoreBatch([.. answers.Select(answer => Encode([.. prompt, new("assistant", answer)]))], null, cancel);

    /// <summary>Scores of answers, each to its own prompt.</summary>
    public float[] ScoreBatch(IReadOnlyList<(string Prompt, string Answer)> pairs, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default) =>
        ScoreBatch([.. pairs.Select(pair => Encode([new("user", pair.Prompt), new("assistant", pair.Answer)]))], progress, cancel);

    /// <summary>Scores of sequences that read one state each, in their order.</summary>
    /// <exception cref="SparseRMException">A state is not finite; the other sequences were scored nonetheless.</exception>
    public float[] ScoreBatch(IReadOnlyList<TokenSequence> sequences, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var request = Request(sequences, Priority.Bulk);
        Backbone.Engine.Run(request, progress is null ? null : new StageProgress(progress, "scoring", sequences.Count), cancel);
        request.ThrowFirst();
        return Totals(request.Values);
    }

    /// <summary>Scores of inputs, with all that is asked for beside them; one that cannot be scored says so and costs no other.</summary>
    /// <param name="inputs">From <see cref="SparseRM.Backbone.Encoder"/>.</param>
    /// <param name="options">What is wanted; null for scores alone.</param>
    /// <param name="progress">Told of the sequences done.</param>
    /// <param name="cancel">Heard while the call waits and between batches.</param>
    /// <exception cref="SparseRMException">What is asked for is not known: doubt of one head, novelty without statistics.</exception>
    /// <exception cref="QueueFullException">Too much waits already.</exception>
    public IReadOnlyList<ScoreResult> ScoreAll(
        IReadOnlyList<EncodedInput> inputs, ScoreOptions? options = null, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        if (options?.Deadline is not null) throw new SparseRMException(ErrorKind.Usage, "a deadline is kept by asynchronous calls only; call ScoreAllAsync");
        var call = new ScoreCall(inputs, options ?? new ScoreOptions { Priority = Priority.Bulk }, Reward, Position, Backbone.Tokenizer);
        var request = call.Request(Attached, Backbone.Backend);
        Backbone.Engine.Run(request, progress is null ? null : new StageProgress(progress, "scoring", call.Sequences.Count), cancel);
        return call.Results(request);
    }

    /// <summary>As <see cref="ScoreAll"/>, without a thread that waits.</summary>
    /// <exception cref="DeadlineException">The deadline passed.</exception>
    public async Task<IReadOnlyList<ScoreResult>> ScoreAllAsync(IReadOnlyList<EncodedInput> inputs, ScoreOptions? options = null, CancellationToken cancel = default)
    {
        options ??= new ScoreOptions();
        var call = new ScoreCall(inputs, options, Reward, Position, Backbone.Tokenizer);
        var request = call.Request(Attached, Backbone.Backend);
        await Backbone.Engine.RunAsync(request, options.Deadline, cancel).ConfigureAwait(false);
        return call.Results(request);
    }

    /// <summary>The score of an answer to a prompt.</summary>
    /// <param name="prompt">One user turn.</param>
    /// <param name="answer">One assistant turn.</param>
    /// <param name="options">Priority, deadline and aggregate.</param>
    /// <param name="cancel">Heard while the call waits and between batches.</param>
    /// <exception cref="QueueFullException">Too much waits already.</exception>
    /// <exception cref="DeadlineException">The deadline passed.</exception>
    /// <exception cref="SparseRMException">The input cannot be scored.</exception>
    public Task<float> ScoreAsync(string prompt, string answer, ScoreOptions? options = null, CancellationToken cancel = default) =>
        ScoreAsync([new("user", prompt), new("assistant", answer)], options, cancel);

    /// <summary>The score of a dialogue's last message; see <see cref="ScoreAsync(string, string, ScoreOptions?, CancellationToken)"/>.</summary>
    public async Task<float> ScoreAsync(IReadOnlyList<Message> dialogue, ScoreOptions? options = null, CancellationToken cancel = default)
    {
        var result = (await ScoreAllAsync([Backbone.Encoder.Encode(dialogue)], options, cancel).ConfigureAwait(false))[0];
        if (result.Error is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(result.Error);
        return result.Score;
    }

    /// <summary>A session for answers to a prompt: <see cref="ScoringSession.SetAnswer"/> sets the text, and forks share the prompt.</summary>
    /// <param name="prompt">The dialogue before the answer; none for a session of token ids.</param>
    [System.Runtime.CompilerServices.OverloadResolutionPriority(1)] // what `new("user", text)` means in a list
    public ScoringSession OpenSession(IReadOnlyList<Message> prompt) => new(this, prompt.Count == 0 ? null : [.. prompt]);

    /// <summary>A session for token ids: those of the prompt, which may be none; <see cref="ScoringSession.Append"/> adds the answer's.</summary>
    /// <exception cref="SparseRMException">An id is outside the vocabulary, or there are more than the model's context.</exception>
    public ScoringSession OpenSession(ReadOnlySpan<int> promptIds)
    {
        // Encoded first: a session that nobody gets is one that nobody disposes.
        var prompt = promptIds.IsEmpty ? null : Backbone.Encoder.EncodeIds(promptIds.ToArray());
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        var session = new ScoringSession(this, null);
        if (prompt is not null) session.Set(prompt);
        return session;
    }

    /// <summary>Scores of lines of a score file: one for a line, or one for each of its responses.</summary>
    /// <exception cref="DataFormatException">A line cannot be encoded; names it.</exception>
    public float[][] ScoreLines(
        IReadOnlyList<ScoreInput> lines, string path, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var encoded = lines.Select(line => Encoded(line, path)).ToArray();
        var scores = ScoreBatch([.. encoded.SelectMany(inputs => inputs)], progress, cancel);
        int next = 0;
        return [.. encoded.Select(inputs => scores[next..(next += inputs.Length)])];
    }

    /// <summary>Counts by the data's own rules over scores of all completions.</summary>
    public Data.Evaluation.EvaluationResult Evaluate(PreferenceSet data, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var completions = Completions.Of(Backbone.Encoder, Position, data, cancel);
        var scores = ScoreBatch(completions.Sequences, progress, cancel);
        return Data.Evaluation.PreferenceEvaluation.Evaluate(data, completions.Scores(row => scores[row]));
    }

    /// <summary>Why a dialogue got its score.</summary>
    public RewardExplanation Explain(IReadOnlyList<Message> dialogue, int directions = 8, int tokens = 5) =>
        Explain(Backbone.Encoder.Encode(dialogue), directions, tokens);

    /// <summary>Why an input got its score: one forward pass gives the score and every token's part in it.</summary>
    /// <exception cref="SparseRMException">The input cannot be scored, or several heads are aggregated otherwise than by their mean.</exception>
    public RewardExplanation Explain(EncodedInput input, int directions = 8, int tokens = 5)
    {
        var result = ScoreAll([input], new ScoreOptions { Priority = Priority.Bulk, Explain = directions, ExplainTokens = tokens })[0];
        if (result.Error is not null) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(result.Error);
        return result.Explanation!;
    }

    /// <summary>The sequence that this reward model reads of a dialogue.</summary>
    public TokenSequence Encode(IReadOnlyList<Message> dialogue) => Backbone.Encoder.Encode(dialogue).ReadAt(Position);

    /// <summary>Scores the known answers that the reward model carries again, and compares: a wrong model, tokenizer or kernel is found so.</summary>
    /// <param name="name">What the message calls the reward model: its file, say.</param>
    /// <param name="cancel">Heard while the call waits and between batches.</param>
    /// <returns>How each agrees; empty where the reward model carries none.</returns>
    /// <exception cref="SparseRMException">An answer is wrong; names both scores.</exception>
    public IReadOnlyList<ProbeAgreement> CheckKnownAnswers(string name, CancellationToken cancel = default) => KnownAnswers.Check(this, name, RewardProbe.MostItems, cancel);

    /// <summary>The score of every head for each sequence, as scoring computes them.</summary>
    internal float[][] HeadScores(IReadOnlyList<TokenSequence> sequences, CancellationToken cancel)
    {
        var request = Request(sequences, Priority.Bulk);
        Backbone.Engine.Run(request, null, cancel);
        request.ThrowFirst();
        return [.. sequences.Select((_, number) => request.Of(number).ToArray())];
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

    private ScoreRequest Request(IReadOnlyList<TokenSequence> sequences, Priority priority) => ScoreRequest.Of(sequences, Attached, priority);

    private float ScoreOne(EncodedInput input)
    {
        var request = Request([input.ReadAt(Position)], Priority.Interactive);
        Backbone.Engine.Run(request);
        request.ThrowFirst();
        return Reward.Total(request.Values);
    }

    private float[] Totals(float[] heads)
    {
        int width = Reward.HeadCount;
        if (width == 1 && Reward.Components[0].Weight == 1) return heads;
        var totals = new float[heads.Length / width];
        for (int i = 0; i < totals.Length; i++) totals[i] = Reward.Total(heads.AsSpan(i * width, width));
        return totals;
    }

    private TokenSequence[] Encoded(ScoreInput line, string path)
    {
        var encoder = Backbone.Encoder;
        try
        {
            EncodedInput[] inputs = line switch
            {
                AnswerInput answer => [encoder.Encode([.. answer.Prompt, .. answer.Response], line.Arguments)],
                AnswersInput answers => [.. answers.Responses.Select(response => encoder.Encode([.. answers.Prompt, .. response], line.Arguments))],
                DialogueInput dialogue => [encoder.Encode(dialogue.Messages, line.Arguments)],
                TextInput text => [encoder.EncodeText(text.Text)],
                IdsInput ids => [encoder.EncodeIds((int[])[.. ids.Ids])],
                _ => throw new ArgumentException($"unknown kind of line {line.GetType().Name}"),
            };
            return [.. inputs.Select(input => input.ReadAt(Position))];
        }
        catch (SparseRMException e)
        {
            throw new DataFormatException(path, line.Line, e.Message);
        }
    }

    private static void RequireSae(string name, RewardModel reward, SparseAutoencoder? sae)
    {
        if (sae is null) throw new SparseRMException($"{name}: this head reads activations of the top-k SAE {reward.Metadata.SaeId}; give that SAE too");
        if (sae.Id != reward.Metadata.SaeId)
            throw new SparseRMException(ErrorKind.Mismatch, $"{name}: the reward model was fitted with SAE {reward.Metadata.SaeId}, but {sae.Id} was given; use the same");
    }
}
