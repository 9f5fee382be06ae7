using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Research.Answers;

/// <summary>Two answers of which the first is preferred.</summary>
/// <param name="Chosen">Row of the preferred answer.</param>
/// <param name="Rejected">Row of the other.</param>
internal readonly record struct AnswerPair(int Chosen, int Rejected);

/// <summary>The answers of a preference set, one row each: states, latents, texts and lengths, and which of them form pairs.</summary>
internal sealed class AnswerSet
{
    private readonly PreferenceStates _states;
    private readonly ReadOnlyMemory<float> _values;
    private readonly string[] _texts;

    /// <summary>Takes over the states of a set.</summary>
    /// <param name="states">Read already, or read now where they are not in memory.</param>
    /// <param name="cancel">Checked between blocks.</param>
    /// <exception cref="SparseRMException">A state is not finite, or there are more than one array holds.</exception>
    public AnswerSet(PreferenceStates states, CancellationToken cancel = default)
    {
        _states = states;
        _values = states.Kept ?? ReadAll(states, cancel);
        _texts = [.. states.Data.Items.SelectMany(item => item.Chosen.Concat(item.Rejected))
            .Select(completion => string.Join(' ', completion.Select(message => message.Content)))];
        var pairs = states.Pairs().ToArray();
        Pairs = [.. pairs.Select(pair => new AnswerPair(pair.Chosen, pair.Rejected))];
        Groups = [.. pairs.Select(pair => states.PromptOf(pair.Item))];
    }

    /// <summary>Reads the states of a set.</summary>
    /// <param name="trainer">Has the model and the cache.</param>
    /// <param name="data">The set.</param>
    /// <param name="progress">Told of the answers.</param>
    /// <param name="cancel">Heard between batches.</param>
    /// <exception cref="SparseRMException">A text cannot be read, a state is not finite, or there are more than one array holds.</exception>
    public static AnswerSet Read(RewardTrainer trainer, PreferenceSet data, IProgress<WorkProgress>? progress, CancellationToken cancel) => new(trainer.ReadStates(data, progress, cancel), cancel);

    /// <summary>The same with the latents of the trainer's SAE.</summary>
    public static AnswerSet ReadWithLatents(RewardTrainer trainer, PreferenceSet data, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var states = trainer.ReadStates(data, withLatents: true, progress, cancel);
        var answers = new AnswerSet(states, cancel);
        answers.Latents = states.AreKept ? LatentRows.Of(trainer, states, progress, cancel) : LatentRows.Of(trainer.Backbone, trainer.Sae!, answers.States, cancel);
        return answers;
    }

    /// <summary>Number of answers.</summary>
    public int Count => _states.Count;

    /// <summary>Width of a state.</summary>
    public int Width => _states.DModel;

    /// <summary>The data that they come from.</summary>
    public PreferenceSet Data => _states.Data;

    /// <summary>Rows of each item's answers.</summary>
    public IReadOnlyList<(int[] Chosen, int[] Rejected)> Items => _states.Items;

    /// <summary>Every chosen answer against every rejected one of its item, in order.</summary>
    public AnswerPair[] Pairs { get; }

    /// <summary>The prompt of each pair.</summary>
    public string[] Groups { get; }

    /// <summary>[answers, d_model].</summary>
    public ReadOnlyMemory<float> States => _values;

    /// <summary>Active latents of each answer; null until they are read.</summary>
    public LatentRows? Latents { get; set; }

    /// <summary>States of each answer's tokens; null where they were not read.</summary>
    public TokenStates? Tokens { get; set; }

    /// <summary>The state of an answer.</summary>
    public ReadOnlySpan<float> State(int row) => _values.Span.Slice(row * Width, Width);

    /// <summary>What the answer says.</summary>
    public string Text(int row) => _texts[row];

    /// <summary>Tokens of prompt and answer; the answers of one prompt differ by their own tokens.</summary>
    public int Length(int row) => Sequence(row).Ids.Length;

    /// <summary>The tokens of an answer with its prompt.</summary>
    public TokenSequence Sequence(int row) => _states.SequenceOf(row);

    private static float[] ReadAll(PreferenceStates states, CancellationToken cancel)
    {
        int width = states.DModel;
        if ((long)states.Count * width > Array.MaxLength)
            throw new SparseRMException(ErrorKind.Usage, $"{states.Count} states of width {width} do not fit into memory at once; use fewer pairs");
        var values = new float[states.Count * width];
        states.Read([.. Enumerable.Range(0, states.Count)], (numbers, block, _) =>
        {
            for (int i = 0; i < numbers.Length; i++) block.Span.Slice(i * width, width).CopyTo(values.AsSpan(numbers.Span[i] * width));
        }, null, cancel);
        return values;
    }
}
