using SparseRM.Data;
using SparseRM.Data.Evaluation;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Data;

public sealed class EvaluationTests
{
    [Fact]
    public void Counts_pairs_and_subsets_with_ties_as_wrong()
    {
        EvaluationResult result = Evaluate("trl-explicit",
            (Item("a"), Scores([2], [1])), (Item("b"), Scores([1], [1])), (Item("a"), Scores([0], [1])), (Item(null), Scores([3, 1], [2, 0])));
        // 1 + 0 + 0 + 3 (3>2, 3>0, 1>0) of 1 + 1 + 1 + 4.
        Assert.Equal(new AccuracyCount(4, 7), result.Pairs);
        Assert.Equal(4.0 / 7, result.Pairs.Accuracy);
        Assert.Equal([new SubsetAccuracy("a", new(1, 2)), new SubsetAccuracy("b", new(0, 1))], result.BySubset);
        Assert.Null(result.Benchmark);
    }

    [Fact]
    public void Rewardbench_weighs_math_prm_with_984()
    {
        EvaluationResult result = Evaluate("rewardbench",
            (Item("math-prm"), Scores([1], [0])), (Item("math-prm"), Scores([0], [0])), (Item("hep-go"), Scores([1], [0])),
            (Item("alpacaeval-easy"), Scores([1], [0])), (Item("mt-bench-easy"), Scores([0], [1])));
        // Chat: (100 * 1 + 28 * 0) / 128 = 0.78125. Reasoning: (984 * 0.5 + 164 * 1) / 1148 = 656 / 1148.
        BenchmarkScore score = result.Benchmark!;
        Assert.Equal([new BenchmarkPart("Chat", 0.78125, 2), new BenchmarkPart("Reasoning", 656.0 / 1148, 3)], score.Parts);
        Assert.Equal((0.78125 + 656.0 / 1148) / 2, score.Score, 1e-15);
    }

    [Fact]
    public void Rewardbench_2_shares_a_tied_maximum()
    {
        EvaluationResult result = Evaluate("rewardbench-2",
            (Item("Math"), Scores([2], [1, 1, 1])), (Item("Math"), Scores([2], [2, 1, 1])), (Item("Math"), Scores([2], [3, 1, 1])),
            (Item("Focus"), Scores([2], [2, 2, 2])));
        // Math: (1 + 1/2 + 0) / 3; Focus: 1/4; overall: their mean.
        Assert.Equal([new BenchmarkPart("Math", 0.5, 3), new BenchmarkPart("Focus", 0.25, 1)], result.Benchmark!.Parts);
        Assert.Equal(0.375, result.Benchmark.Score);
    }

    [Fact]
    public void Rewardbench_2_ties_follow_the_owners_formula()
    {
        EvaluationResult result = Evaluate("rewardbench-2",
            (Item("Ties", "ref:1"), Scores([5], [1, 2])), (Item("Ties", "tied:1"), Scores([6, 4], [0, 1])),
            (Item("Ties", "ref:2"), Scores([1], [2])), (Item("Ties", "tied:2"), Scores([3, 3], [2, 1])));
        // Prompt 1: gap_ref 5-2 = 3, gap_tied 4-1 = 3, spread 2: preferred, hard, margin tanh(3/2 - 1).
        // Prompt 2: gap_ref -1, gap_tied 1, spread 0: preferred (1 > 0), not hard (-1 > 0), margin tanh(-inf) = -1.
        // tied 2/2, ref 1/2, preferred 2/2, hard 1/2, margin (tanh 0.5 - 1) / 2.
        double expected = 0.30 + 0.15 + 0.20 + 0.10 + (0.01 * (Math.Tanh(0.5) - 1) / 2);
        Assert.Equal(expected, Assert.Single(result.Benchmark!.Parts).Score, 1e-12);
    }

    [Fact]
    public void Rewardbench_2_ties_take_0_over_0_as_no_margin()
    {
        EvaluationResult result = Evaluate("rewardbench-2",
            (Item("Ties", "ref:1"), Scores([1], [1])), (Item("Ties", "tied:1"), Scores([1, 1], [1])));
        Assert.Equal(0, result.Benchmark!.Score);
    }

    [Theory]
    [InlineData("x:1", "needs an id like ref:7 or tied:7")]
    [InlineData("ref:one", "needs an id like ref:7 or tied:7")]
    [InlineData(null, "needs an id like ref:7 or tied:7")]
    [InlineData("ref:1", "the id 'ref:1' occurs twice")]
    public void Rewardbench_2_ties_refuse_other_ids(string? id, string problem)
    {
        var error = Assert.Throws<DataFormatException>(
            () => Evaluate("rewardbench-2", (Item("Ties", "ref:1"), Scores([1], [0])), (Item("Ties", id), Scores([1], [0]))));
        Assert.Contains(problem, error.Message);
        Assert.Equal(1, error.Line);
    }

    [Fact]
    public void Truthfulqa_mc1_needs_the_best_answer_above_every_false_one()
    {
        foreach (string format in (string[])["truthfulqa-csv", "truthfulqa-mc"])
        {
            EvaluationResult result = Evaluate(format,
                (Item("Law"), Scores([2], [1, 0])), (Item("Law"), Scores([2], [2, 0])), (Item("Law"), Scores([2], [1, 3])), (Item("Law"), Scores([9], [8])));
            Assert.Equal(0.5, result.Benchmark!.Score);
            Assert.Equal(new AccuracyCount(2 + 1 + 1 + 1, 7), result.Pairs);
        }
    }

    [Fact]
    public void Refuses_scores_that_do_not_fit()
    {
        Assert.Contains("1 scores were given for 0 items", Assert.Throws<ArgumentException>(
            () => PreferenceEvaluation.Evaluate(Set("trl-explicit", []), [Scores([1], [0])])).Message);
        Assert.Contains("another number of answers", Assert.Throws<ArgumentException>(
            () => PreferenceEvaluation.Evaluate(Set("trl-explicit", [Filled("a", null, 1, 2)]), [Scores([1], [0])])).Message);
        Assert.Contains("is not finite", Assert.Throws<ArgumentException>(
            () => Evaluate("trl-explicit", (Item("a"), Scores([float.NaN], [0])))).Message);
    }

    private static (string? Subset, string? Id) Item(string? subset, string? id = null) => (subset, id);

    private static ItemScores Scores(float[] chosen, float[] rejected) => new(chosen, rejected);

    private static EvaluationResult Evaluate(string format, params ((string? Subset, string? Id) Item, ItemScores Scores)[] rows)
        => PreferenceEvaluation.Evaluate(
            Set(format, [.. rows.Select(row => Filled(row.Item.Subset, row.Item.Id, row.Scores.Chosen.Count, row.Scores.Rejected.Count))]),
            [.. rows.Select(row => row.Scores)]);

    private static PreferenceSet Set(string format, PreferenceItem[] items) => new("f.jsonl", format, "jsonl", items, new SkippedRows(0, []), "");

    private static PreferenceItem Filled(string? subset, string? id, int chosen, int rejected)
    {
        IReadOnlyList<Message> answer = [new Message("assistant", "a")];
        return new([], [.. Enumerable.Repeat(answer, chosen)], [.. Enumerable.Repeat(answer, rejected)], subset, id, 1);
    }
}
