using SparseRM.Data;
using SparseRM.Data.Evaluation;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM;

/// <summary>Every completion of a preference set as a sequence, one row each.</summary>
/// <param name="Sequences">Row after row.</param>
/// <param name="Items">Rows of each item's completions.</param>
internal sealed record Completions(IReadOnlyList<TokenSequence> Sequences, IReadOnlyList<(int[] Chosen, int[] Rejected)> Items)
{
    /// <summary>Encodes a set.</summary>
    /// <exception cref="DataFormatException">A completion cannot be encoded; names file and line.</exception>
    public static Completions Of(InputEncoder encoder, ReadOutPosition position, PreferenceSet data, CancellationToken cancel = default)
    {
        var sequences = new List<TokenSequence>();
        var items = data.Items.Select(item => (Rows(item, item.Chosen), Rows(item, item.Rejected))).ToArray();
        return new Completions(sequences, items);

        int[] Rows(PreferenceItem item, IReadOnlyList<IReadOnlyList<Message>> completions) => [.. completions.Select(completion =>
        {
            try
            {
                sequences.Add(encoder.Encode([.. item.Prompt, .. completion], item.Arguments, cancel).ReadAt(position));
                return sequences.Count - 1;
            }
            catch (SparseRMException e)
            {
                throw new DataFormatException(data.Path, item.Line, e.Message);
            }
        })];
    }

    /// <summary>The scores of each item's completions.</summary>
    /// <param name="score">Score of a row.</param>
    public ItemScores[] Scores(Func<int, float> score) =>
        [.. Items.Select(item => new ItemScores([.. item.Chosen.Select(score)], [.. item.Rejected.Select(score)]))];
}
