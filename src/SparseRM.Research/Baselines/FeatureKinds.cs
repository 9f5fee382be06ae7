using System.Globalization;
using SparseRM.Fitting;
using SparseRM.Research.Answers;

namespace SparseRM.Research.Baselines;

/// <summary>What the linear baselines see.</summary>
internal static class FeatureKinds
{
    /// <summary>Words at most: the most common ones of the training answers.</summary>
    public const int MostWords = 2000;

    /// <summary>The dense state.</summary>
    public static Features Dense(TrainingPairs training) => new(training.Answers.Width, (answers, row, target) =>
    {
        var state = answers.State(row);
        for (int i = 0; i < target.Length; i++) target[i] = state[i];
    });

    /// <summary>Activations of the top-K latents of the training pairs.</summary>
    public static Func<TrainingPairs, Features> Activations(int k) => training =>
    {
        int[] latents = [.. DirectionSelector.Select(training.Answers.Latents!.Frequency(training.Pairs), k).All.Select(latent => latent.Latent)];
        return new Features(latents.Length, (answers, row, target) =>
        {
            var values = new float[latents.Length];
            answers.Latents!.Gather(row, latents, values);
            for (int i = 0; i < target.Length; i++) target[i] = values[i];
        });
    };

    /// <summary>log(1 + count) of each word of the answer; words that no training answer has are unknown.</summary>
    public static Features Words(TrainingPairs training)
    {
        var answersWith = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (int row in training.Pairs.SelectMany(pair => new[] { pair.Chosen, pair.Rejected }).Distinct())
            foreach (string word in WordsOf(training.Answers.Text(row)).Distinct()) answersWith[word] = answersWith.GetValueOrDefault(word) + 1;
        var place = answersWith.OrderByDescending(word => word.Value).ThenBy(word => word.Key, StringComparer.Ordinal).Take(MostWords)
            .Select((word, i) => (word.Key, i)).ToDictionary(word => word.Key, word => word.i, StringComparer.Ordinal);
        return new Features(Math.Max(1, place.Count), (answers, row, target) =>
        {
            Array.Clear(target);
            foreach (string word in WordsOf(answers.Text(row)))
                if (place.TryGetValue(word, out int i)) target[i]++;
            for (int i = 0; i < target.Length; i++) target[i] = target[i] == 0 ? 0 : Math.Log(1 + target[i]);
        });
    }

    /// <summary>Runs of letters, marks and digits, in lower case.</summary>
    public static IEnumerable<string> WordsOf(string text)
    {
        for (int start = 0; start < text.Length;)
        {
            int end = start;
            while (end < text.Length && IsPart(text[end])) end++;
            if (end > start) yield return text[start..end].ToLowerInvariant();
            start = end + 1;
        }
    }

    private static bool IsPart(char c) => char.IsLetterOrDigit(c) || char.IsSurrogate(c)
        || char.GetUnicodeCategory(c) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
}
