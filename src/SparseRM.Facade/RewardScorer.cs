using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;
using SparseRM.Text;

namespace SparseRM;

/// <summary>Scores answers with a fitted reward model. Thread-safe: calls from several threads wait for each other.</summary>
/// <remarks>
/// score = head(projection(z)), z the residual state of the prompt with its answer at the reward model's layer and position. The same text has
/// the same bits of score alone, in any batch and order, on any number of threads. No SAE is in memory, unless the reward model reads
/// activations of a top-k SAE.
/// </remarks>
public sealed class RewardScorer : IDisposable
{
    private readonly SaeEncoder? _sae;
    private readonly BatchScorer? _batches;
    private float[] _inputs = [];
    private SaeEncoder.RowReader? _gather;
    private HeadInput? _gathered;

    /// <summary>Puts together what fits: only <see cref="Open"/> proves that.</summary>
    internal RewardScorer(ResidualReader reader, RewardModel reward, SaeEncoder? sae)
    {
        (Reader, Reward, _sae) = (reader, reward, sae);
        if (reward.IsSingle && reward.Components[0].Weight == 1 && ResidentReward.Takes(reward.Input)) _batches = new BatchScorer(reader.Backend, reward);
    }

    /// <summary>Opens a model with a reward file.</summary>
    /// <param name="rewardPath">A file of <see cref="RewardModelFile"/>.</param>
    /// <param name="options">
    /// The model and how it runs. The position is the reward model's; so are layer, dtype and chat template where the options leave them, and a layer
    /// or template that differs is refused. (An explicit <see cref="ReaderOptions.Compute"/> is obeyed: scores then differ by its rounding.)
    /// </param>
    /// <param name="sae">The SAE that the reward model was fitted with: only for activations of a top-k SAE.</param>
    /// <param name="progress">Told of the blocks loaded.</param>
    /// <param name="cancel">Checked between blocks.</param>
    /// <exception cref="SparseRMException">A file cannot be read, or model, tokenizer, layer or template are not those of the fit (both are named).</exception>
    public static RewardScorer Open(
        string rewardPath, ReaderOptions options, SparseAutoencoder? sae = null, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var reward = RewardModelFile.Load(rewardPath);
        var reader = OpenReader(reward, options, progress, cancel);
        try
        {
            reward.Metadata.Identity.RequireMatches(rewardPath, reader.Identity);
            return new RewardScorer(reader, reward, reward.NeedsSae ? Encoder(rewardPath, reward, sae, reader) : null);
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>The model that gives the states, and the encoder of inputs.</summary>
    public ResidualReader Reader { get; }

    /// <summary>The reward model.</summary>
    public RewardModel Reward { get; }

    /// <summary>The score of an answer to a prompt.</summary>
    /// <exception cref="SparseRMException">The chat template refuses the dialogue, or it is too long.</exception>
    public float Score(string prompt, string answer) => Score([new("user", prompt), new("assistant", answer)]);

    /// <summary>The score of a dialogue's last message.</summary>
    public float Score(IReadOnlyList<Message> dialogue) => ScoreBatch([Reader.Encoder.Encode(dialogue)])[0];

    /// <summary>The score of a text that was rendered already (special tokens in it are tokens).</summary>
    public float ScoreText(string rendered) => ScoreBatch([Reader.Encoder.EncodeText(rendered)])[0];

    /// <summary>The score of token ids, used as they are.</summary>
    public float ScoreIds(int[] ids) => ScoreBatch([Reader.Encoder.EncodeIds(ids)])[0];

    /// <summary>Scores of many answers to one prompt; the prompt is computed once.</summary>
    public float[] ScoreGroup(IReadOnlyList<Message> prompt, IReadOnlyList<string> answers, CancellationToken cancel = default) =>
        ScoreBatch([.. answers.Select(answer => Reader.Encoder.Encode([.. prompt, new("assistant", answer)]))], null, cancel);

    /// <summary>Scores of sequences that <see cref="InputEncoder"/> made, in their order.</summary>
    /// <exception cref="SparseRMException">A state is not finite.</exception>
    public float[] ScoreBatch(IReadOnlyList<TokenSequence> sequences, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var scores = new float[sequences.Count];
        var stage = new StageProgress(progress, "scoring", sequences.Count);
        if (_batches is not null)
        {
            // States stay where they are; their scores alone come to the host.
            Reader.Run(sequences, (states, numbers) => _batches.Score(states, numbers.Span, scores, Reader.Layer), stage, cancel);
            return scores;
        }
        Reader.Read(sequences, (numbers, states) =>
        {
            var (heads, count, at) = (new float[numbers.Length * Reward.HeadCount], Reward.HeadCount, 0);
            foreach (var component in Reward.Components)
            {
                int width = component.Input.Count;
                var inputs = InputsOf(states, component);
                for (int i = 0; i < numbers.Length; i++) component.HeadScores(inputs.Slice(i * width, width), heads.AsSpan((i * count) + at));
                at += component.Heads.Count;
            }
            for (int i = 0; i < numbers.Length; i++) scores[numbers.Span[i]] = Reward.Total(heads.AsSpan(i * count, count));
        }, stage, cancel);
        return scores;
    }

    /// <summary>Scores of lines of a score file: one for a line, or one for each of its responses.</summary>
    /// <exception cref="DataFormatException">A line cannot be encoded; names it.</exception>
    public float[][] ScoreLines(
        IReadOnlyList<ScoreInput> lines, string path, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var encoded = lines.Select(line => Encoded(line, path)).ToArray();
        var scores = ScoreBatch([.. encoded.SelectMany(sequences => sequences)], progress, cancel);
        int next = 0;
        return [.. encoded.Select(sequences => scores[next..(next += sequences.Length)])];
    }

    /// <summary>Counts by the data's own rules over scores of all completions.</summary>
    public Data.Evaluation.EvaluationResult Evaluate(PreferenceSet data, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var completions = Completions.Of(Reader.Encoder, data);
        var scores = ScoreBatch(completions.Sequences, progress, cancel);
        return Data.Evaluation.PreferenceEvaluation.Evaluate(data, completions.Scores(row => scores[row]));
    }

    /// <summary>Why a dialogue got its score.</summary>
    public RewardExplanation Explain(IReadOnlyList<Message> dialogue, int directions = 8, int tokens = 5) =>
        RewardExplanation.Of(this, Reader.Encoder.Encode(dialogue), directions, tokens);

    /// <summary>The heads' inputs v of states [n, d_model], as rows [n, inputs], for a reward model of one component.</summary>
    /// <exception cref="SparseRMException">There are several components.</exception>
    internal float[] Inputs(ReadOnlyMemory<float> states)
    {
        if (Reward.Components.Count > 1) throw new SparseRMException($"the reward model has {Reward.Components.Count} components; explain each in a reward model of its own.");
        float[] inputs = [];
        Reader.UseBackend(() => inputs = InputsOf(states, Reward.Components[0]).ToArray());
        return inputs;
    }

    /// <summary>Frees everything, after a running call has ended.</summary>
    public void Dispose() => Reader.Dispose((IDisposable?)_batches ?? _sae);

    /// <summary>As <see cref="Inputs"/>, for whoever holds the backend; valid until the next call, which uses the same memory.</summary>
    private ReadOnlySpan<float> InputsOf(ReadOnlyMemory<float> states, RewardComponent component)
    {
        var input = component.Input;
        int rows = states.Length / Reader.DModel;
        if (_inputs.Length < rows * input.Count) _inputs = new float[rows * input.Count];
        if (input.NeedsSae)
        {
            _gathered = input;
            _sae!.Encode(states.Span, _gather ??= Gather);
        }
        else
            for (int row = 0; row < rows; row++)
                input.Compute(states.Span.Slice(row * Reader.DModel, Reader.DModel), _inputs.AsSpan(row * input.Count, input.Count));
        return _inputs.AsSpan(0, rows * input.Count);
    }

    private void Gather(int row, ReadOnlySpan<int> latents, ReadOnlySpan<float> activations) =>
        _gathered!.Gather(latents, activations, _inputs.AsSpan(row * _gathered.Count, _gathered.Count));

    private TokenSequence[] Encoded(ScoreInput line, string path)
    {
        try
        {
            return line switch
            {
                AnswerInput answer => [Reader.Encoder.Encode([.. answer.Prompt, .. answer.Response])],
                AnswersInput answers => [.. answers.Responses.Select(response => Reader.Encoder.Encode([.. answers.Prompt, .. response]))],
                DialogueInput dialogue => [Reader.Encoder.Encode(dialogue.Messages)],
                TextInput text => [Reader.Encoder.EncodeText(text.Text)],
                IdsInput ids => [Reader.Encoder.EncodeIds([.. ids.Ids])],
                _ => throw new ArgumentException($"unknown kind of line {line.GetType().Name}"),
            };
        }
        catch (SparseRMException e) when (e is not ModelFormatException)
        {
            throw new DataFormatException(path, line.Line, e.Message);
        }
    }

    private static ResidualReader OpenReader(RewardModel reward, ReaderOptions options, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var identity = reward.Metadata.Identity;
        bool ownTemplate = options.ChatTemplate is null && options.Template is null && identity.TemplateFingerprint.Length > 0;
        return ResidualReader.Open(options with
        {
            Layer = options.Layer ?? identity.Layer,
            Position = identity.Position,
            Compute = options.Compute ?? (reward.Metadata.DType == "bf16" ? DType.BF16 : DType.F32),
            Template = ownTemplate ? (identity.TemplateName, reward.Metadata.TemplateSource) : options.Template,
        }, new StageProgress(progress, "loading blocks", (options.Layer ?? identity.Layer) + 1), cancel);
    }

    private static SaeEncoder Encoder(string rewardPath, RewardModel reward, SparseAutoencoder? sae, ResidualReader reader)
    {
        foreach (string? id in reward.Components.Where(component => component.Input.NeedsSae).Select(component => component.Metadata.SaeId))
        {
            if (sae is null) throw new SparseRMException($"{rewardPath}: this head reads activations of the top-k SAE {id}; give that SAE with --sae");
            if (sae.Id != id) throw new SparseRMException($"{rewardPath}: the reward model was fitted with SAE {id}, but {sae.Id} was given; use the same");
        }
        return new SaeEncoder(reader.Backend, sae!);
    }
}
