using SparseRM.Cli.Terminal;
using SparseRM.Data.Evaluation;
using SparseRM.Demo;
using SparseRM.Scoring;

namespace SparseRM.Cli.Commands;

/// <summary>What the demo found, for people: each term is said where it first appears.</summary>
internal sealed class DemoTables(Session session)
{
    /// <summary>How the demo goes on with one's own model.</summary>
    public static string[] OwnCommands { get; } =
    [
        "sparserm fit --model MODEL_FOLDER --sae SAE_FOLDER --data pairs.jsonl --output reward.safetensors",
        "sparserm evaluate --model MODEL_FOLDER --reward reward.safetensors --data test.jsonl",
        "sparserm score --model MODEL_FOLDER --reward reward.safetensors --input answers.jsonl",
    ];

    /// <summary>Writes all of it.</summary>
    public void Write(DemoResult result, TimeSpan elapsed)
    {
        Directions(result);
        Accuracies(result);
        Answers(result.Example);
        Gap(result.Example);
        session.Out.WriteLine($"That took {elapsed.TotalSeconds:F1} s. The same with your own model, SAE and pairs:");
        session.Out.WriteLine();
        foreach (string line in OwnCommands) session.Out.WriteLine($"  {line}");
    }

    private void Directions(DemoResult result)
    {
        var reward = result.Fit.Reward;
        int pairs = result.Fit.Head.TrainingPairs + result.Fit.Head.HeldOutPairs;
        Say("MiniWorld: a language model of 2.8 million parameters that knows a thousand facts, and knows when an answer is wrong. "
            + $"The data: {Tables.Count(pairs)} questions, each with a preferred answer, called chosen, and another, called rejected ({result.Options.Task}).");
        Say($"1. Directions. {OfDirections(result)}");
        session.Tables.Write(LatentTables.Of(reward.Input.Latents, rowsASide: 3));
    }

    private void Accuracies(DemoResult result)
    {
        Say($"2. Head. {OfHead(result)}");
        var table = Tables.Of("The head sees", ">K", ">Pairs", ">Test", ">Shift");
        foreach (var row in result.Rows.Concat(result.FewPairs)) table.Row(row.Input, $"{row.K}", Tables.Count(row.Pairs), Shown(row.Test), Shown(row.Shift));
        session.Tables.Write(table);
        Say($"K is the number of latents a side. Random directions: mean and range of {MiniWorldDemo.RandomDraws} draws. "
            + string.Join(" ", Comparisons(result)));
    }

    /// <summary>What the first part finds, in words.</summary>
    public static string OfDirections(DemoResult result)
    {
        var reward = result.Fit.Reward;
        return $"The model runs up to block {reward.Metadata.Identity.Layer} on every answer. A sparse autoencoder (SAE) splits the hidden state at "
            + $"the answer's end into {Tables.Count(result.DSae)} latents, few of which are active at a time. {reward.Input.Latents.Count} latents are "
            + "kept: those that are active more often in one kind of answer than in the other. Separation is the difference of the two frequencies, "
            + "and each latent has a direction in the model's hidden space.";
    }

    /// <summary>What the second part does, in words.</summary>
    public static string OfHead(DemoResult result)
    {
        var reward = result.Fit.Reward;
        return $"Hidden states are projected on the {reward.Input.Latents.Count} directions, and a small network of {reward.Head.HiddenUnits} units, the head, "
            + "learns to give chosen answers the higher scores. Accuracy is the share of pairs, never seen before, that it orders rightly: of the same kind (test), "
            + "and in other wordings (shift). The other rows are ablations: heads that see something else.";
    }

    /// <summary>What choosing directions is worth, a sentence for each number of pairs.</summary>
    public static IEnumerable<string> Comparisons(DemoResult result) =>
        new[] { Comparison(result.Rows), Comparison(result.FewPairs) }.Where(sentence => sentence.Length > 0);

    /// <summary>What the two rows that differ in the choice of directions say of it, from their own numbers.</summary>
    private static string Comparison(IReadOnlyList<DemoRow> rows)
    {
        var (chosen, random) = (rows.FirstOrDefault(row => row.Input == "top-K directions"), rows.FirstOrDefault(row => row.Input == "random directions"));
        if (chosen is null || random is null) return "";
        double gain = chosen.Test[0].Accuracy - random.Test.Average(draw => draw.Accuracy), error = 2 * StandardError(chosen.Test[0]);
        string settings = $"With {Tables.Count(chosen.Pairs)} pairs and K = {chosen.K}";
        return Math.Abs(gain) <= error
            ? $"{settings}, chosen directions do no better than random ones: the head learns as much from any."
            : $"{settings}, chosen directions are {100 * Math.Abs(gain):F1} points {(gain > 0 ? "better" : "worse")} than random ones on average: the choice counts.";
    }

    private static double StandardError(AccuracyCount count) => Math.Sqrt(count.Accuracy * (1 - count.Accuracy) / count.Total);

    private void Answers(DemoExample example)
    {
        Say($"3. A score and its reasons. The question: {example.Question} Below, the score after each token of a right and of a wrong answer "
            + "(the template ends each with the last two), and the projections on leading latents of part 1.");
        var table = Tables.Of(
            ["Answer", "Token", ">Score", .. example.Latents.Select(latent => $">{latent.Latent} {Preferred(latent.Sign)}")]);
        foreach (var (name, answer) in new[] { ("right", example.Right), ("wrong", example.Wrong) })
        {
            foreach (var (i, token) in answer.Tokens.Index())
                table.Row([i == 0 ? name : "", Shown(token.Text), Tables.Signed(token.Score), .. token.Values.Select(value => Tables.Signed(value))]);
        }
        session.Tables.Write(table);
        if (Parting(example) is { } parting) Say(parting);
    }

    /// <summary>Where the two answers begin to differ, and what they score there; null where one begins the other.</summary>
    public static string? Parting(DemoExample example)
    {
        var parting = example.Right.Tokens.Zip(example.Wrong.Tokens).FirstOrDefault(pair => pair.First.Text != pair.Second.Text);
        return parting is not ({ } first, { } second) ? null
            : $"The answers part at {Shown(first.Text)} and {Shown(second.Text)}: with this word the right one scores {Tables.Signed(first.Score)}, the wrong one {Tables.Signed(second.Score)}.";
    }

    /// <summary>Shares of directions in the gap between the two scores: the example's latents, then the four largest of the others; what the rest and all come to.</summary>
    public static (IReadOnlyList<(DirectionShare Right, DirectionShare Wrong, double Gap)> Rows, int Others, double OfOthers, double All) Gaps(DemoExample example)
    {
        var (right, wrong) = (example.Right.Explanation.Parts, example.Wrong.Explanation.Parts);
        var shares = right.Shares.Zip(wrong.Shares, (r, w) => (Right: r, Wrong: w, Gap: r.Share - w.Share)).ToArray();
        var leading = shares.Where(share => example.Latents.Any(latent => latent == share.Right.Latent)).ToArray();
        var largest = shares.Except(leading).OrderByDescending(share => Math.Abs(share.Gap)).Take(4).ToArray();
        var rest = shares.Except(leading).Except(largest).ToArray();
        return ([.. leading, .. largest], rest.Length, rest.Sum(share => share.Gap), shares.Sum(share => share.Gap));
    }

    private void Gap(DemoExample example)
    {
        var (right, wrong) = (example.Right.Explanation.Parts, example.Wrong.Explanation.Parts);
        var gaps = Gaps(example);
        Say($"At their ends the right answer scores {Tables.Signed(right.Score)}, the wrong one {Tables.Signed(wrong.Score)}. Each direction has a share in the gap; the shares "
            + "add up to it. First the latents above, then those with the largest shares.");
        var table = Tables.Of(">Latent", "Prefers", ">Right", ">Wrong", ">Share of the gap");
        foreach (var share in gaps.Rows)
        {
            table.Row($"{share.Right.Latent?.Latent}", Preferred(share.Right.Latent?.Sign ?? 0), Tables.Signed(share.Right.Value), Tables.Signed(share.Wrong.Value),
                Tables.Signed(share.Gap));
        }
        if (gaps.Others > 0) table.Row("...", $"{gaps.Others} more", "", "", Tables.Signed(gaps.OfOthers));
        table.Row("all", "", "", "", Tables.Signed(gaps.All));
        session.Tables.Write(table);
    }

    /// <summary>Which answers a latent of this sign goes with.</summary>
    public static string Preferred(int sign) => sign > 0 ? "chosen" : "rejected";

    /// <summary>A token for people.</summary>
    public static string Shown(string token) => token.Trim(' ') is { Length: > 0 } text ? text.Replace("\n", "\\n") : "' '";

    /// <summary>An accuracy, or the mean and range of several.</summary>
    public static string Shown(IReadOnlyList<AccuracyCount> draws)
    {
        string mean = Tables.Percent(draws.Average(draw => draw.Accuracy));
        return draws.Count == 1 ? mean : $"{mean} ({Tables.Percent(draws.Min(draw => draw.Accuracy))} to {Tables.Percent(draws.Max(draw => draw.Accuracy))})";
    }

    private void Say(string paragraph)
    {
        foreach (string line in Wording.Fold(paragraph, session.TextWidth)) session.Out.WriteLine(line);
        session.Out.WriteLine();
    }
}
