using CsCheck;
using SparseRM.Backends.Reference;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Core.Tests.Models;

/// <summary>Beginnings that sequences share are computed as rarely as can be, within the bound of a batch.</summary>
public sealed class PrefixSharingTests
{
    [Fact]
    public void Packs_as_few_tokens_as_the_best_choice_of_leaders()
    {
        Gen.Int[0, 2].Array[1, 7].Array[1, 6].Sample(all =>
        {
            // Equal texts are one.
            int[][] texts = [.. all.DistinctBy(text => string.Join(' ', text))];
            int fewest = Enumerable.Range(1, (1 << texts.Length) - 1).Min(leaders => Enumerable.Range(0, texts.Length).Sum(i =>
                texts[i].Length - ((leaders >> i & 1) == 1
                    ? 0 : Enumerable.Range(0, texts.Length).Where(l => (leaders >> l & 1) == 1).Max(l => Shared(texts[l], texts[i])))));
            var batch = TokenBatch.Pack([.. all.Select(Last)]);
            Assert.Equal(fewest, batch.TokenCount);
            // Each sequence is still there, token by token.
            for (int i = 0; i < all.Length; i++)
            {
                var s = batch.Segments[i];
                int[] packed = [.. batch.Ids.Slice(s.PrefixStart, s.PrefixCount), .. batch.Ids.Slice(s.KeyStart, s.KeyCount)];
                Assert.Equal(all[i], packed);
                Assert.Equal(all[i][^1], batch.Ids[batch.ReadRows[i]]);
            }
        }, iter: 2000);
    }

    [Fact]
    public void A_batch_that_is_filled_again_is_like_a_new_one()
    {
        var again = new TokenBatch();
        Gen.Select(Gen.Int[0, 2].Array[1, 20].Array[1, 9], Gen.Bool).Sample((all, share) =>
        {
            TokenSequence[] sequences = [.. all.Select(Last)];
            var expected = TokenBatch.Pack(sequences, share);
            again.Fill(sequences, [], share);
            Assert.Equal(expected.Ids, again.Ids);
            Assert.Equal(expected.Positions, again.Positions);
            Assert.Equal(expected.ReadRows, again.ReadRows);
            Assert.Equal(expected.ReadPositions, again.ReadPositions);
            Assert.Equal(expected.Segments, again.Segments);
            Assert.Equal(expected.ReadSegments, again.ReadSegments);
            Assert.Equal((expected.TokenCount, expected.MaxLength), (again.TokenCount, again.MaxLength));
        }, iter: 500, threads: 1);
    }

    [Fact]
    public void Sixteen_answers_to_one_prompt_compute_the_prompt_once_with_the_default_batch()
    {
        var group = Group(prompt: 1, length: 512, answers: 16, answerLength: 128);
        Assert.Equal(2560, Computed(BatchPlan.DefaultTokens, group));
        // Split all the same, each batch computes the prompt.
        Assert.Equal(2560 + 512, Computed(2048, group));
    }

    [Fact]
    public void Of_cuts_that_cost_the_same_the_latest_is_taken()
    {
        // Cut before the second: 1 shared token is computed twice and 16 of the batch are used; before the third: 2 and 32, as dear (16 unused ones are one computed twice).
        TokenSequence[] sorted = [Last([1, .. new int[15]]), Last([1, 2, .. new int[15]]), Last([1, 2, .. Enumerable.Range(1, 60)])];
        Assert.Equal(2, BatchPlan.Size(sorted, 60));
        Assert.Equal(3, BatchPlan.Size(sorted, 1000));
    }

    [Fact]
    public void Batches_end_between_the_groups()
    {
        // Three groups of 460 tokens in batches of 1,000: the third is not begun in the first batch.
        TokenSequence[] groups = [.. Enumerable.Range(0, 3).SelectMany(g => Group(prompt: g, length: 300, answers: 4, answerLength: 40))];
        Assert.Equal(3 * 460, Computed(1000, groups));
    }

    [Fact]
    public void No_batch_is_larger_than_asked_for() => Gen.Select(Gen.Int[0, 1].Array[1, 12].Array[1, 30], Gen.Int[12, 40]).Sample((all, limit) =>
    {
        Run(limit, [.. all.Select(Last)], (_, computed) => Assert.InRange(computed, 1, limit));
    }, iter: 60);

    /// <summary>Answers whose first tokens differ, after a prompt of its own.</summary>
    private static TokenSequence[] Group(int prompt, int length, int answers, int answerLength)
    {
        int[] beginning = [.. Enumerable.Range(0, length).Select(t => (prompt * 50 + t) % 200)];
        return [.. Enumerable.Range(0, answers).Select(answer => Last([.. beginning, .. Enumerable.Range(answer, answerLength)]))];
    }

    private static long Computed(int limit, TokenSequence[] sequences)
    {
        long sum = 0;
        Run(limit, sequences, (_, computed) => sum += computed);
        return sum;
    }

    /// <summary>Runs block 0 of a tiny model; <paramref name="batch"/> is told sequences and computed tokens of each batch.</summary>
    private static void Run(int limit, TokenSequence[] sequences, Action<int, long> batch)
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "llama31"), 0, DType.F32);
        using var runner = new ResidualRunner(model);
        TokenSequence[] sorted = [.. sequences];
        TokenSequence.SortByIds(sorted, new int[sorted.Length]);
        var states = new Tensor[1];
        for (int first = 0, count; first < sorted.Length; first += count)
        {
            count = BatchPlan.Size(sorted.AsSpan(first), limit);
            long before = runner.ComputedTokens;
            runner.Pack(sorted.AsSpan(first, count));
            runner.Run(sorted.AsSpan(first, count), [0], states);
            batch(count, runner.ComputedTokens - before);
        }
    }

    private static TokenSequence Last(int[] ids) => new(ids, ReadOut.At(ids.Length - 1));

    private static int Shared(int[] a, int[] b) => a.AsSpan().CommonPrefixLength(b);
}
