using CsCheck;
using SparseRM.Backends.Reference;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Engine;

/// <summary>What was computed once is found again, within its bytes, and changes no bit.</summary>
public sealed class PrefixCacheTests(TinyReward tiny)
{
    private const int Layers = 2;

    /// <summary>The rows of each segment say which text's beginning they are of.</summary>
    [Theory]
    [InlineData(100_000)]
    [InlineData(60)]
    public void The_tree_gives_back_what_was_put_there_and_counts_its_bytes(int capacityInTokens)
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "gemma2"), 0, DType.F32);
        long perToken = KeyValueSegment.BytesPerToken(model.Config, Layers);
        var step = Gen.Select(Gen.Int[0, 7], Gen.Int[0, 1].Array[1, 14], Gen.Int[0, 99]);
        step.Array[1, 60].Sample(steps =>
        {
            using var cache = new PrefixCache(backend, model.Config, capacityInTokens * perToken);
            var store = new SessionStore(backend, model.Config, 30 * perToken);
            HashSet<string> known = [];
            List<(KeyValueSegment Segment, int First, int Count, int[] Ids, int At)> held = [];
            foreach (var (kind, ids, which) in steps)
            {
                cache.Begin();
                if (kind == 0)
                {
                    try
                    {
                        held.Add((store.Reserve(Layers, ids.Length), 0, 0, ids, 0));
                    }
                    catch (Errors.SparseRMException full)
                    {
                        Assert.Equal(Errors.ErrorKind.Full, full.Kind);
                    }
                }
                else if (kind == 1 && held.Count > 0)
                {
                    int place = which % held.Count;
                    held[place].Segment.Release();
                    held.RemoveAt(place);
                }
                else if (kind is 2 or 3)
                {
                    int most = kind == 2 ? ids.Length : ids.Length - 1;
                    var found = cache.Find(ids, most, Layers);
                    int expected = Enumerable.Range(0, most + 1).Last(length => length == 0 || known.Contains(string.Concat(ids[..length])));
                    if (capacityInTokens > 1000) Assert.Equal(expected, found?.Length ?? 0);
                    else Assert.InRange(found?.Length ?? 0, 0, expected);
                    int at = 0;
                    foreach (var piece in found?.Pieces ?? [])
                    {
                        Check(piece.Segment, piece.First, piece.Count, ids, at);
                        held.Add((piece.Segment.AddReference(), piece.First, piece.Count, ids, at));
                        at += piece.Count;
                    }
                }
                else if (kind > 3 && cache.Add(ids, Layers) is var (segment, from))
                {
                    if (kind == 7)
                    {
                        cache.Abandon();
                        continue;
                    }
                    for (int position = from; position < ids.Length; position++) Write(segment, position - from, ids, position);
                    for (int length = 1; length <= ids.Length; length++) known.Add(string.Concat(ids[..length]));
                    cache.Commit();
                }
                Assert.InRange(cache.Bytes, 0, cache.Capacity);
                Assert.InRange(store.Bytes, 0, 30 * perToken);
                foreach (var (segmentHeld, first, count, text, at) in held) Check(segmentHeld, first, count, text, at);
            }
            if (capacityInTokens > 1000) Assert.Equal(0, cache.Evicted);
            cache.Clear();
            Assert.Equal(held.Select(has => has.Segment).Distinct().Sum(segment => segment.Bytes), cache.Bytes + store.Bytes);
            foreach (var has in held) has.Segment.Release();
            Assert.Equal((0, 0), (cache.Bytes, store.Bytes));
        }, iter: 300, threads: 1);

        float Of(int[] ids, int position) => string.Concat(ids[..(position + 1)]).Aggregate(1, (code, digit) => (2 * code) + digit - '0');

        void Write(KeyValueSegment segment, int row, int[] ids, int position)
        {
            for (int layer = 0; layer < Layers; layer++)
            {
                var rows = segment.Rows(layer, row, 1);
                var values = new float[rows.Columns];
                Array.Fill(values, Of(ids, position) + layer);
                backend.Upload(values, rows);
            }
        }

        void Check(KeyValueSegment segment, int first, int count, int[] ids, int at)
        {
            for (int i = 0; i < count; i++)
            {
                for (int layer = 0; layer < Layers; layer++)
                {
                    var rows = segment.Rows(layer, first + i, 1);
                    var values = new float[rows.Columns];
                    backend.Download(rows, values);
                    Assert.All(values, value => Assert.Equal(Of(ids, at + i) + layer, value));
                }
            }
        }
    }

    [Theory, MemberData(nameof(Alone.Kinds), MemberType = typeof(Alone))]
    public void Hits_misses_and_evictions_give_the_same_bits(string family, DType compute, ReadOutPosition position)
    {
        using var world = new Alone(tiny, family, position, World.Backbone with { Compute = compute, PrefixCacheBytes = 40_000 });
        Gen.Select(Gen.Int[0, 1].Array[1, 20], Gen.Int[0, 2].Array[1, 9]).Array[1, 6].Sample(texts =>
        {
            foreach (var (prompt, answer) in texts)
            {
                int[] ids = [.. prompt, .. answer];
                var result = world.Scorer.ScoreAll([world.Input(ids, prompt.Length)], new ScoreOptions { Priority = Priority.Interactive })[0];
                Assert.Equal(world.Of(ids, prompt.Length), result.Score);
                Assert.InRange(world.Backbone.Counts.CachedBytes, 0, 40_000);
            }
        }, iter: 20, threads: 1);
        Assert.True(world.Backbone.Counts.FoundTokens > 0);
    }

    [Fact]
    public void A_prompt_that_was_seen_is_not_computed_again()
    {
        using var world = new Alone(tiny, "qwen3");
        int[] prompt = [.. Enumerable.Range(0, 50)];
        world.Scorer.ScoreIds([.. prompt, 1, 2]);
        var before = world.Backbone.Counts;
        Assert.Equal(world.Of([.. prompt, 3, 4, 5]), world.Scorer.ScoreIds([.. prompt, 3, 4, 5]));
        var after = world.Backbone.Counts;
        Assert.Equal((50, 3), (after.FoundTokens - before.FoundTokens, after.ComputedTokens - before.ComputedTokens));
    }

    [Fact]
    public void Nothing_is_forgotten_for_a_text_that_does_not_fit_beside_what_a_session_holds()
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "gemma2"), 0, DType.F32);
        using var cache = new PrefixCache(backend, model.Config, 100 * KeyValueSegment.BytesPerToken(model.Config, Layers));
        int[] held = [.. Enumerable.Range(0, 50)], other = [.. Enumerable.Range(100, 30)], large = [.. Enumerable.Range(200, 60)], small = [.. Enumerable.Range(300, 25)];
        Put(held);
        Put(other);
        cache.Begin();
        var segment = cache.Find(held, 50, Layers)!.Pieces[0].Segment.AddReference();
        cache.Begin();
        Assert.Null(cache.Add(large, Layers));
        Assert.Equal((0, 30), (cache.Evicted, cache.Find(other, 30, Layers)?.Length));
        // What the session holds is passed over, though it was used longest ago.
        cache.Begin();
        Put(small);
        Assert.Equal((1, 50, null), (cache.Evicted, cache.Find(held, 50, Layers)?.Length, cache.Find(other, 30, Layers)?.Length));
        segment.Release();

        void Put(int[] ids)
        {
            cache.Begin();
            Assert.NotNull(cache.Add(ids, Layers));
            cache.Commit();
        }
    }

    [Fact]
    public void What_a_broken_batch_left_unfilled_is_never_found()
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "gemma2"), 0, DType.F32);
        using var cache = new PrefixCache(backend, model.Config, 1 << 20);
        cache.Begin();
        cache.Add(new[] { 1, 2, 3 }, Layers);
        cache.Begin(); // neither committed nor abandoned before
        cache.Commit();
        Assert.Null(cache.Find([1, 2, 3], 3, Layers));
    }
}
