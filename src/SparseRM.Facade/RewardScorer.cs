using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM;

/// <summary>Scores answers with a fitted reward model that is attached to a <see cref="SparseRM.Backbone"/>. Thread-safe.</summary>
/// <remarks>
/// score = head(projection(z)), z the residual state of the prompt with its answer at the reward model's layer and position. The same text has
/// the same bits of score alone, in any batch and order, from any number of callers, on any number of threads, with a known prefix and without. No SAE is
/// in memory, unless the reward model reads activations of a top-k SAE.
/// </remarks>
/// <example><code>
/// using var scorer = RewardScorer.Open("reward.safetensors", new BackboneOptions { Model = "google/gemma-2-2b-it" });
/// float score = scorer.Score("Name a prime.", "7");
/// float[] group = scorer.ScoreGroup([new("user", "Name a prime.")], ["7", "8", "9"]);   // the prompt is computed once
/// </code></example>
public sealed partial class RewardScorer : IDisposable
{
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
        var request = call.Request(Attached);
        Backbone.Engine.Run(request, progress is null ? null : new StageProgress(progress, "scoring", call.Sequences.Count), cancel);
        return call.Results(request);
    }

    /// <summary>As <see cref="ScoreAll"/>, without a thread that waits.</summary>
    /// <exception cref="DeadlineException">The deadline passed.</exception>
    public async Task<IReadOnlyList<ScoreResult>> ScoreAllAsync(IReadOnlyList<EncodedInput> inputs, ScoreOptions? options = null, CancellationToken cancel = default)
    {
        options ??= new ScoreOptions();
        var call = new ScoreCall(inputs, options, Reward, Position, Backbone.Tokenizer);
        var request = call.Request(Attached);
        await Backbone.Engine.RunAsync(options.Deadline, options.HereIfAlone, cancel, request).ConfigureAwait(false);
        return call.Results(request);
    }

    /// <summary>The score of an answer to a prompt.</summary>
    /// <param name="prompt">One user turn.</param>
    /// <param name="answer">One assistant turn.</param>
    /// <param name="options">Priority, deadline and aggregate; nothing beside the score is given.</param>
    /// <param name="cancel">Heard while the call waits and between batches.</param>
    /// <exception cref="QueueFullException">Too much waits already.</exception>
    /// <exception cref="DeadlineException">The deadline passed.</exception>
    /// <exception cref="SparseRMException">The input cannot be scored, or something beside the score is asked for.</exception>
    public Task<float> ScoreAsync(string prompt, string answer, ScoreOptions? options = null, CancellationToken cancel = default) =>
        ScoreAsync([new("user", prompt), new("assistant", answer)], options, cancel);

    /// <summary>The score of a dialogue's last message; see <see cref="ScoreAsync(string, string, ScoreOptions?, CancellationToken)"/>.</summary>
    public async Task<float> ScoreAsync(IReadOnlyList<Message> dialogue, ScoreOptions? options = null, CancellationToken cancel = default)
    {
        OptionChecks.RequireScoreAlone(options, "ScoreAsync");
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
}
