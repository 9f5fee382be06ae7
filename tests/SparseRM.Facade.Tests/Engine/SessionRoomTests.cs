using SparseRM.Backends.Reference;
using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Engine;

/// <summary>How much a session holds: as much as its text, however often that was changed.</summary>
public sealed class SessionRoomTests(TinyReward tiny)
{
    private const int Layers = 2;

    /// <summary>Each step takes the last token back and adds two, as an answer does that grows before the template's end marks.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_answer_that_is_edited_again_and_again_stays_in_few_pieces_and_little_room(bool forks)
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "gemma2"), 0, DType.F32);
        using var cache = new PrefixCache(backend, model.Config, 0);
        var store = new SessionStore(backend, model.Config, 1 << 30);
        var memory = new SessionMemory();
        long perToken = KeyValueSegment.BytesPerToken(model.Config, Layers);
        for (int round = 0; round < 6; round++)
        {
            for (int length = 21; length < 100; length++) Grow(length);
            Grow(20);
        }
        memory.Release();
        Assert.Equal(0, store.Bytes);

        void Grow(int length)
        {
            memory.Prepare(cache, store, new int[length], length - 2, length - 1, Layers);
            memory.Commit();
            Assert.InRange(memory.Pieces.Count, 1, 5);
            Assert.InRange(store.Bytes, length * perToken, 4 * 100 * perToken);
            if (!forks) return;
            var fork = memory.Fork();
            fork.Prepare(cache, store, new int[length + 1], length, length, Layers);
            fork.Commit();
            fork.Release();
        }
    }

    [Fact]
    public void Whoever_of_two_forks_adds_first_takes_the_room_and_the_other_his_own()
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "gemma2"), 0, DType.F32);
        using var cache = new PrefixCache(backend, model.Config, 0);
        var store = new SessionStore(backend, model.Config, 1 << 30);
        var memory = new SessionMemory();
        Add(memory, 0, 4);
        var fork = memory.Fork();
        Add(fork, 4, 8);
        Add(memory, 4, 6);
        Assert.Equal([new KeyValueRows(fork.Pieces[0].Segment, 0, 8)], fork.Pieces);
        Assert.Equal([4, 2], memory.Pieces.Select(piece => piece.Count));
        Assert.NotSame(memory.Pieces[0].Segment, memory.Pieces[1].Segment);
        // The fork's rows are its own again only when nobody else can see them.
        var second = fork.Fork();
        Add(fork, 2, 7);
        Assert.Equal([2, 5], fork.Pieces.Select(piece => piece.Count));
        Assert.NotSame(second.Pieces[0].Segment, fork.Pieces[1].Segment);
        foreach (var each in new[] { memory, fork, second }) each.Release();
        Assert.Equal(0, store.Bytes);

        void Add(SessionMemory to, int same, int length)
        {
            to.Prepare(cache, store, new int[length], same, length - 1, Layers);
            to.Commit();
        }
    }

    [Fact]
    public void A_lone_session_runs_where_its_keys_lie_and_others_have_theirs_put_together()
    {
        using var backend = new ReferenceBackend();
        using var model = TransformerModel.Open(backend, SharedData.Shipped("goldens", "models", "gemma2"), 0, DType.F32);
        using var cache = new PrefixCache(backend, model.Config, 1 << 20);
        var store = new SessionStore(backend, model.Config, 1 << 30);
        var memory = new SessionMemory();
        int[] ids = [.. Enumerable.Range(0, 40)];
        var first = Home(0, 6);
        Assert.Equal((0, 6), (first!.Value.First, first.Value.Count));
        Assert.Equal(first.Value with { Count = 9 }, Home(6, 9));
        Assert.Equal(first.Value with { Count = 8 }, Home(4, 8)); // two tokens were taken back
        Assert.Null(Home(8, 12, new TokenSequence(ids.AsMemory(20, 5), ReadOut.At(4))));
        memory.Release();
        // What the cache knows lies elsewhere.
        cache.Begin();
        Assert.NotNull(cache.Add(ids.AsMemory(0, 5), Layers));
        cache.Commit();
        memory = new SessionMemory();
        Assert.Null(Home(0, 9));
        memory.Release();

        KeyValueRows? Home(int same, int length, params TokenSequence[] others)
        {
            cache.Begin();
            memory.Prepare(cache, store, ids.AsMemory(0, length), same, length - 1, Layers);
            TokenSequence[] all = [new(ids.AsMemory(0, length), ReadOut.At(length - 1)), .. others];
            var batch = new TokenBatch();
            batch.Fill(all, [memory.Known, .. others.Select(_ => (KeyValuePrefix?)null)]);
            batch.Keep(0, memory.Known?.Length ?? 0, memory.Room.Segment, memory.Room.First);
            memory.Commit();
            return batch.Home;
        }
    }

    [Fact]
    public void Thousands_of_answers_in_one_session_take_the_bytes_of_one()
    {
        using var world = new Alone(tiny, "gemma2");
        using var session = world.Scorer.OpenSession([new("user", "Late?")]);
        long most = 0;
        for (int i = 0; i < 400; i++)
        {
            session.SetAnswer(new string('a', 1 + (i % 30)) + "b");
            Assert.Equal(world.Of("Late?", new string('a', 1 + (i % 30)) + "b"), session.Score());
            if (i < 60) most = Math.Max(most, world.Backbone.Counts.CachedBytes);
            else Assert.InRange(world.Backbone.Counts.CachedBytes, 0, most);
        }
    }

    [Fact]
    public void Sessions_need_no_prefix_cache()
    {
        using var world = new Alone(tiny, "gemma2", options: World.Backbone with { PrefixCacheBytes = 0 });
        using var session = world.Scorer.OpenSession([1, 2, 3]);
        Assert.Equal(world.Of([1, 2, 3]), session.Score());
        session.Append(4);
        Assert.Equal(world.Of([1, 2, 3, 4]), session.Score());
    }

    [Fact]
    public void A_session_without_room_is_refused_as_full_and_goes_on_when_there_is_room()
    {
        long perToken;
        using (var backbone = tiny.Backbone("gemma2")) perToken = 2L * KeyValueSegment.BytesPerToken(backbone.Config, 1);
        using var world = new Alone(tiny, "gemma2", options: World.Backbone with { SessionBytes = 100 * perToken, PrefixCacheBytes = 0 });
        using var first = world.Scorer.OpenSession([.. Enumerable.Range(0, 60)]);
        first.Score();
        var second = world.Scorer.OpenSession([.. Enumerable.Range(100, 41)]);
        var full = Assert.ThrowsAny<SparseRMException>(() => second.Score());
        Assert.Equal(ErrorKind.Full, full.Kind);
        Assert.Contains("open it with a higher one", full.Message, StringComparison.Ordinal);
        second.Dispose();
        using var third = world.Scorer.OpenSession([.. Enumerable.Range(100, 40)]);
        Assert.Equal(world.Of([.. Enumerable.Range(100, 40)]), third.Score());
        Assert.Equal(100 * perToken, world.Backbone.Counts.CachedBytes);
        first.Append(1);
        Assert.Equal(ErrorKind.Full, SparseRMException.KindOf(Assert.ThrowsAny<SparseRMException>(() => first.Score())));
        third.Dispose();
        Assert.Equal(world.Of([.. Enumerable.Range(0, 60), 1]), first.Score());
    }
}
