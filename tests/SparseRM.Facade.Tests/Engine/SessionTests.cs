using CsCheck;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Engine;

/// <summary>A session's score has the bits of the whole text alone, however the text came to be.</summary>
public sealed class SessionTests(TinyReward tiny)
{
    [Theory, MemberData(nameof(Alone.Kinds), MemberType = typeof(Alone))]
    public void Appends_and_forks_in_any_order_score_like_the_whole_text(string family, DType compute, ReadOutPosition position)
    {
        using var world = new Alone(tiny, family, position, World.Backbone with { Compute = compute });
        // Three tokens only: texts begin alike, so that sessions lean on each other and on the cache.
        var step = Gen.Select(Gen.Int[0, 4], Gen.Int[0, 2].Array[1, 7], Gen.Int[0, 99]);
        Gen.Select(Gen.Int[0, 2].Array[1, 25], step.Array[1, 10]).Sample((prompt, steps) =>
        {
            List<(ScoringSession Session, int[] Ids)> all = [(world.Scorer.OpenSession(prompt), prompt)];
            foreach (var (kind, tokens, which) in steps)
            {
                int place = which % all.Count;
                var (session, ids) = all[place];
                if (kind == 4)
                {
                    all.Add((session.Fork(), ids));
                    continue;
                }
                session.Append(tokens);
                ids = [.. ids, .. tokens];
                all[place] = (session, ids);
                if (kind == 0) continue;
                float expected = world.Of(ids, prompt.Length);
                if (kind == 1) Assert.Equal(expected, world.Scorer.ScoreAll([world.Input(ids, prompt.Length)], new ScoreOptions())[0].Score);
                Assert.Equal(expected, session.Score());
            }
            foreach (var (session, ids) in all)
            {
                Assert.Equal(ids, session.Ids);
                if (ids.Length > prompt.Length) Assert.Equal(world.Of(ids, prompt.Length), session.Score());
                session.Dispose();
            }
        }, iter: 12, threads: 1);
    }

    [Theory, MemberData(nameof(Alone.Kinds), MemberType = typeof(Alone))]
    public void An_answer_that_goes_back_and_forth_scores_like_the_dialogue(string family, DType compute, ReadOutPosition position)
    {
        using var world = new Alone(tiny, family, position, World.Backbone with { Compute = compute });
        const string Prompt = "Late?", Answer = "The opposite of late is early.";
        Gen.Select(Gen.Int[1, Answer.Length], Gen.Int[0, 2], Gen.Bool).Array[1, 8].Sample(steps =>
        {
            var session = world.Scorer.OpenSession([new("user", Prompt)]);
            foreach (var (length, ending, fork) in steps)
            {
                if (fork)
                {
                    var forked = session.Fork();
                    session.Dispose();
                    session = forked;
                }
                string answer = Answer[..length] + "aab"[..ending];
                session.SetAnswer(answer);
                Assert.Equal(world.Of(Prompt, answer), session.Score());
            }
            session.Dispose();
        }, iter: 6, threads: 1);
    }

    [Fact]
    public async Task Sessions_and_calls_that_share_a_batch_lean_on_each_other_and_keep_their_bits()
    {
        using var world = new Alone(tiny, "gemma2");
        int[] prompt = [.. Enumerable.Range(0, 20)];
        using var one = world.Scorer.OpenSession(prompt);
        using var two = one.Fork();
        one.Append(1, 2, 3);
        one.Score();
        one.Append(4);
        two.Append(1, 2, 3, 5);
        long before = world.Backbone.Counts.Batches;
        Task<float> first, second;
        Task<IReadOnlyList<ScoreResult>> third;
        using (world.Backbone.Engine.Hold())
        {
            first = one.ScoreAsync();
            second = two.ScoreAsync();
            third = world.Scorer.ScoreAllAsync([world.Input([.. prompt, 1, 2, 3, 6])]);
        }
        Assert.Equal(world.Of([.. prompt, 1, 2, 3, 4]), await first);
        Assert.Equal(world.Of([.. prompt, 1, 2, 3, 5]), await second);
        Assert.Equal(world.Of([.. prompt, 1, 2, 3, 6]), (await third)[0].Score);
        Assert.Equal(1, world.Backbone.Counts.Batches - before);
        one.Append(9);
        two.Append(9);
        Assert.Equal(world.Of([.. prompt, 1, 2, 3, 4, 9]), one.Score());
        Assert.Equal(world.Of([.. prompt, 1, 2, 3, 5, 9]), two.Score());
    }

    [Fact]
    public void Only_what_was_added_is_computed()
    {
        using var world = new Alone(tiny, "gemma2");
        using var session = world.Scorer.OpenSession([.. Enumerable.Range(0, 40)]);
        session.Score();
        long before = world.Backbone.Counts.ComputedTokens;
        session.Append(7);
        session.Score();
        session.Score();
        Assert.Equal(1, world.Backbone.Counts.ComputedTokens - before);
        using var fork = session.Fork();
        fork.Append(1, 2, 3);
        fork.Score();
        Assert.Equal(4, world.Backbone.Counts.ComputedTokens - before);
    }

    [Fact]
    public void Refuses_what_no_session_can_do()
    {
        using var world = new Alone(tiny, "gemma2");
        var session = world.Scorer.OpenSession(ReadOnlySpan<int>.Empty);
        World.Refuses(() => session.Score(), "no tokens");
        World.Refuses(() => session.Append(1, 5000), "5000", "vocabulary");
        World.Refuses(() => session.Append(new int[world.Backbone.Config.NCtx + 1]), "context");
        Assert.Equal(0, session.Length);
        World.Refuses(() => session.SetAnswer("a"), "without a prompt");
        session.Dispose();
        session.Dispose();
        Assert.Throws<ObjectDisposedException>(() => session.Append(1));
        Assert.Throws<ObjectDisposedException>(() => session.Score());
        Assert.Throws<ObjectDisposedException>(session.Fork);
    }

    [Fact]
    public void A_session_of_a_detached_scorer_says_so_and_can_be_dropped()
    {
        using var world = new Alone(tiny, "gemma2");
        var scorer = world.Backbone.Attach(world.Reward);
        using var session = scorer.OpenSession([1, 2, 3]);
        session.Score();
        scorer.Dispose();
        session.Append(4);
        Assert.Throws<ObjectDisposedException>(() => session.Score());
    }
}
