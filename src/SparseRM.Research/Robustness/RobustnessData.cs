using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Research.Robustness;

/// <summary>Other pairs that a study of robustness may be given.</summary>
/// <param name="Shift">Pairs of another kind to be tested on, or null.</param>
/// <param name="Tasks">Pairs of other tasks, each to learn from and to be tested on.</param>
/// <param name="Paraphrases">The test items in other words, item for item, or null.</param>
public sealed record RobustnessData(PreferenceSet? Shift, IReadOnlyList<PreferenceSet> Tasks, PreferenceSet? Paraphrases)
{
    /// <summary>Refuses paraphrases that do not go with the test items, before a model is opened.</summary>
    /// <param name="test">The test items.</param>
    /// <exception cref="SparseRMException">There are no test items, or an item is of another id or number of answers; names both files.</exception>
    public void Check(PreferenceSet? test)
    {
        if (Paraphrases is not { } words) return;
        if (test is null) throw new SparseRMException(ErrorKind.Usage, "paraphrases are of test pairs; give those test pairs, too");
        if (words.Items.Count != test.Items.Count)
            throw new DataFormatException(words.Path, 0, $"has {words.Items.Count} items, but {test.Path} has {test.Items.Count}; give a paraphrase of each item, in the same order");
        for (int i = 0; i < words.Items.Count; i++)
        {
            PreferenceItem own = words.Items[i], other = test.Items[i];
            if (own.Id != other.Id && own.Id is not null && other.Id is not null)
                throw new DataFormatException(words.Path, own.Line, $"the id is '{own.Id}', but item {i + 1} of {test.Path} is '{other.Id}'; give a paraphrase of each item, in the same order");
            if (own.Chosen.Count != other.Chosen.Count || own.Rejected.Count != other.Rejected.Count)
                throw new DataFormatException(words.Path, own.Line, $"has {own.Chosen.Count} and {own.Rejected.Count} answers, but item {i + 1} of {test.Path} has {other.Chosen.Count} and {other.Rejected.Count}; give a paraphrase of each answer");
        }
    }
}
