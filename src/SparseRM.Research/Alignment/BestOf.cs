using SparseRM.Errors;

namespace SparseRM.Research.Alignment;

/// <summary>What became of the prompts whose best answers were kept.</summary>
/// <param name="Prompts">Prompts with an answer or more.</param>
/// <param name="Written">Answers written.</param>
/// <param name="Answers">Scored answers that they were chosen from.</param>
/// <param name="Ties">Prompts where several answers share the best score; the first of them was kept.</param>
/// <param name="Single">Prompts with one scored answer, which was kept.</param>
/// <param name="Unscored">Answers without a score.</param>
/// <param name="MeanScore">Mean score of all answers.</param>
/// <param name="MeanBest">Mean score of those that were kept.</param>
public sealed record BestCounts(long Prompts, long Written, long Answers, long Ties, long Single, long Unscored, double MeanScore, double MeanBest);

/// <summary>Keeps each prompt's best answer.</summary>
public static class BestOf
{
    /// <summary>Writes a row of TRL's conversational prompt-completion format for each prompt.</summary>
    /// <param name="path">Scored answers; see <see cref="ScoredGroups"/>.</param>
    /// <param name="output">Receives the rows.</param>
    /// <param name="cancel">Heard between prompts.</param>
    /// <remarks>Memory holds one prompt at a time.</remarks>
    /// <exception cref="DataFormatException">As <see cref="ScoredGroups.Read"/>; or no prompt has two scored answers.</exception>
    public static BestCounts Write(string path, Stream output, CancellationToken cancel = default)
    {
        long prompts = 0, written = 0, answers = 0, ties = 0, single = 0, unscored = 0;
        double sum = 0, best = 0;
        foreach (var group in ScoredGroups.Read(path))
        {
            cancel.ThrowIfCancellationRequested();
            unscored += group.Unscored;
            if (group.Prompt.Count == 0) continue;
            prompts++;
            if (group.Answers.Count == 0) continue;
            var first = group.Answers.MaxBy(answer => answer.Score)!;
            TrlRow.WriteCompletion(output, group, first);
            (written, answers, best) = (written + 1, answers + group.Answers.Count, best + first.Score);
            foreach (var answer in group.Answers) sum += answer.Score;
            if (group.Answers.Count == 1) single++;
            else if (group.Answers.Count(answer => answer.Score == first.Score) > 1) ties++;
        }
        if (single == written)
        {
            throw new DataFormatException(path, 0, $"none of its {prompts} prompts has two scored answers, so there is nothing to choose from; give the answers of a prompt in one list or on neighbouring lines");
        }
        return new BestCounts(prompts, written, answers, ties, single, unscored, sum / answers, best / written);
    }
}
