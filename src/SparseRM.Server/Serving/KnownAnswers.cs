using System.Globalization;
using SparseRM.Errors;

namespace SparseRM.Server.Serving;

/// <summary>Scores what a reward model must give, through the same engine and queue as requests: a score that went wrong is found here.</summary>
internal static class KnownAnswers
{
    /// <summary>The reward file's own known answers; where it has none, one short input twice, whose score must be finite and the same bits.</summary>
    /// <param name="name">The reward model, for the message.</param>
    /// <param name="scorer">Open.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SparseRMException">An answer is wrong; names both scores.</exception>
    public static Task CheckAsync(string name, RewardScorer scorer, CancellationToken cancel) => Task.Run(
        () =>
        {
            if (scorer.CheckKnownAnswers(name, cancel).Count == 0) CheckRepetition(name, scorer, cancel);
        },
        cancel);

    private static void CheckRepetition(string name, RewardScorer scorer, CancellationToken cancel)
    {
        int bos = scorer.Backbone.Tokenizer?.BosId ?? 0;
        int[] ids = [bos, .. Enumerable.Range(1, 7).Select(i => (bos + 11 * i) % scorer.Backbone.Config.DVocab)];
        var sequence = scorer.Backbone.Encoder.EncodeIds(ids, 1, ids.Length).ReadAt(scorer.Position);
        float first = scorer.ScoreBatch([sequence], null, cancel)[0], again = scorer.ScoreBatch([sequence], null, cancel)[0];
        if (BitConverter.SingleToInt32Bits(first) == BitConverter.SingleToInt32Bits(again)) return;
        throw new SparseRMException(ErrorKind.Numeric, string.Create(CultureInfo.InvariantCulture,
            $"{name}: one input scored {first:R} and then {again:R}; the machine or its kernels compute something else each time"));
    }
}
