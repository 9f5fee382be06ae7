using SparseRM.Data;
using SparseRM.Data.Evaluation;
using SparseRM.Fitting;

namespace SparseRM;

/// <summary>The residual states of every completion of a preference set.</summary>
public sealed class PreferenceStates
{
    private readonly float[] _states;
    private readonly Completions _completions;

    private PreferenceStates(int dModel, float[] states, Completions completions, PreferenceSet data) =>
        (DModel, _states, _completions, Data) = (dModel, states, completions, data);

    /// <summary>Width of a state.</summary>
    public int DModel { get; }

    /// <summary>All states, [completions, d_model].</summary>
    public ReadOnlyMemory<float> States => _states;

    /// <summary>Number of completions.</summary>
    public int Count => _states.Length / DModel;

    /// <summary>Rows of each item's completions.</summary>
    public IReadOnlyList<(int[] Chosen, int[] Rejected)> Items => _completions.Items;

    /// <summary>The data that they come from.</summary>
    public PreferenceSet Data { get; }

    /// <summary>The state of a completion.</summary>
    public ReadOnlySpan<float> State(int row) => _states.AsSpan(row * DModel, DModel);

    /// <summary>Every chosen completion against every rejected one of its item, with the item's number, in order.</summary>
    public IEnumerable<(int Chosen, int Rejected, int Item)> Pairs() =>
        from item in Enumerable.Range(0, Items.Count)
        from chosen in Items[item].Chosen
        from rejected in Items[item].Rejected
        select (chosen, rejected, item);

    /// <summary>Names an item's prompt: pairs of one prompt are never split between training and held-out part.</summary>
    public string PromptOf(int item) => string.Join('\u001f', Data.Items[item].Prompt.Select(message => $"{message.Role}\u001e{message.Content}"));

    /// <summary>Reads the states, from the cache where it has them.</summary>
    /// <param name="reader">The model.</param>
    /// <param name="data">The pairs.</param>
    /// <param name="cache">Where states are looked up and kept, or null.</param>
    /// <param name="progress">Told of the completions done.</param>
    /// <param name="cancel">Checked between micro-batches.</param>
    /// <exception cref="Errors.SparseRMException">A completion cannot be encoded (names file and line), or its state is not finite.</exception>
    public static PreferenceStates Read(
        ResidualReader reader, PreferenceSet data, HiddenStateCache? cache = null, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var completions = Completions.Of(reader.Encoder, data);
        return new PreferenceStates(reader.DModel, reader.Read(completions.Sequences, cache, progress, cancel), completions, data);
    }

    /// <summary>Scores every completion, item by item.</summary>
    /// <param name="score">Score of a row of <see cref="States"/>.</param>
    public ItemScores[] Scores(Func<int, float> score) => _completions.Scores(score);
}
