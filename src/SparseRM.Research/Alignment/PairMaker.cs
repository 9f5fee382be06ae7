using SparseRM.Errors;

namespace SparseRM.Research.Alignment;

/// <summary>What became of the prompts of which pairs were made.</summary>
/// <param name="Prompts">Prompts with an answer or more.</param>
/// <param name="Written">Pairs written.</param>
/// <param name="Ties">Prompts whose best and worst answer score alike.</param>
/// <param name="Thin">Prompts whose best answer leads the worst by less than the margin that was asked for.</param>
/// <param name="Single">Prompts with fewer than two scored answers.</param>
/// <param name="Unscored">Answers without a score.</param>
/// <param name="MeanMargin">Mean lead of the pairs that were written.</param>
public sealed record PairCounts(long Prompts, long Written, long Ties, long Thin, long Single, long Unscored, double MeanMargin);

/// <summary>Makes a preference pair of each prompt's best and worst answer.</summary>
public static class PairMaker
{
    /// <summary>Writes a row of TRL's explicit conversational preference format for each prompt where the best answer leads the worst by at least <paramref name="minMargin"/> and by more than 0.</summary>
    /// <param name="path">Scored answers; see <see cref="ScoredGroups"/>.</param>
    /// <param name="minMargin">Least lead, from 0 on.</param>
    /// <param name="output">Receives the rows.</param>
    /// <param name="cancel">Heard between prompts.</param>
    /// <remarks>Of equal answers the first in the file is taken. Memory holds one prompt at a time.</remarks>
    /// <exception cref="DataFormatException">As <see cref="ScoredGroups.Read"/>; or no prompt has two scored answers, or no pair is left.</exception>
    public static PairCounts Write(string path, double minMargin, Stream output, CancellationToken cancel = default)
    {
        long prompts = 0, written = 0, ties = 0, thin = 0, single = 0, unscored = 0;
        double sum = 0;
        foreach (var group in ScoredGroups.Read(path))
        {
            cancel.ThrowIfCancellationRequested();
            unscored += group.Unscored;
            if (group.Prompt.Count == 0) continue;
            prompts++;
            if (group.Answers.Count < 2)
            {
                single++;
                continue;
            }
            ScoredAnswer best = group.Answers.MaxBy(answer => answer.Score)!, worst = group.Answers.MinBy(answer => answer.Score)!;
            double margin = (double)best.Score - worst.Score;
            if (margin == 0) ties++;
            else if (margin < minMargin) thin++;
            else
            {
                TrlRow.WritePair(output, (group.Prompt, group.Arguments, group.Id, null), best, worst);
                (written, sum) = (written + 1, sum + margin);
            }
        }
        if (single == prompts)
        {
            throw new DataFormatException(path, 0, $"none of its {prompts} prompts has two scored answers, so there is nothing to compare; give the answers of a prompt in one list or on neighbouring lines");
        }
        if (written == 0)
            throw new DataFormatException(path, 0, FormattableString.Invariant($"no pair is left: of {prompts} prompts {ties} are ties, {thin} have a lead below {minMargin} and {single} have fewer than two scored answers"));
        return new PairCounts(prompts, written, ties, thin, single, unscored, sum / written);
    }
}
