using System.Globalization;
using SparseRM.Data;

namespace SparseRM.Research.Baselines;

/// <summary>What makes the accuracies of a study say less than they seem to: too few prompts, and test prompts that were learned from.</summary>
internal static class DataNotes
{
    /// <summary>Below so many different prompts, an accuracy moves by more than three points with one of them.</summary>
    public const int FewPrompts = 30;

    /// <summary>One sentence each, none where nothing is to be said.</summary>
    /// <param name="data">Pairs that are learned from.</param>
    /// <param name="test">Pairs that are tested on.</param>
    public static IEnumerable<string> Of(PreferenceSet data, PreferenceSet test)
    {
        var known = data.Items.Select(PromptOf).ToHashSet(StringComparer.Ordinal);
        int tested = test.Items.Select(PromptOf).Distinct(StringComparer.Ordinal).Count(), leaked = test.Items.Count(item => known.Contains(PromptOf(item)));
        if (leaked > 0) yield return $"prompts of {leaked} of {test.Items.Count} test items ({Name(test)}) also stand in the training data, so the accuracies flatter every method that learns.";
        if (known.Count < FewPrompts) yield return $"{Name(data)} has {known.Count} different prompts to learn from, fewer than {FewPrompts}: what heads make of so few says little of what they make of more.";
        if (tested < FewPrompts)
            yield return string.Create(CultureInfo.InvariantCulture, $"{Name(test)} has {tested} different prompts to be tested on, fewer than {FewPrompts}: one of them moves an accuracy by {100.0 / Math.Max(1, tested):0.#} points, and intervals over so few are too narrow.");
    }

    /// <summary>A prompt's own text, by which those of two files are compared.</summary>
    public static string PromptOf(PreferenceItem item) => string.Join('\u001f', item.Prompt.Select(message => $"{message.Role}\u001e{message.Content}"));

    private static string Name(PreferenceSet set) => Path.GetFileName(set.Path);
}
