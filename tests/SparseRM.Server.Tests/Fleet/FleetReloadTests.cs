namespace SparseRM.Server.Tests.Fleet;

/// <summary>A reload reaches all members or none, ends where one sleeps, and waits for another one.</summary>
public sealed class FleetReloadTests(Rewards rewards) : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private TestMember[] _members = [];

    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(45);

    private string File => _folder.File("r.safetensors");

    public async ValueTask DisposeAsync()
    {
        foreach (var member in _members) await member.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(0, "/fleet/prepare")]
    [InlineData(1, "/fleet/prepare")]
    public async Task A_member_that_falls_asleep_makes_it_fail_once_the_membership_gives_it_up(int asleep, string step)
    {
        await Start(2);
        var (here, there) = (_members[1 - asleep], _members[asleep]);
        var asked = new TaskCompletionSource();
        there.Relay.Meets = (http, pass) =>
        {
            if (http.Request.Path != step) return pass();
            asked.TrySetResult();
            return Relay.Sleep(http);
        };
        Replace();
        var reload = here.Server.Post("/admin/reload", "");
        await asked.Task.WaitAsync(s_soon);
        here.Live = () => [here.Peer];
        var model = (await reload.WaitAsync(s_soon)).Refused(409).GetProperty("models")[0];
        Assert.Contains($"the member at {there.Peer.Address} does not answer", model.GetProperty("problem").GetString());
        await Scores(rewards.Scorer);
        // Without it there is one to reload.
        (await here.Server.Post("/admin/reload", "").WaitAsync(s_soon)).Refused(200);
    }

    [Fact]
    public async Task A_member_that_does_not_answer_at_all_makes_it_fail()
    {
        await Start(2);
        _members[1].Relay.Meets = (http, _) => { http.Abort(); return Task.CompletedTask; };
        Replace();
        var model = (await _members[0].Server.Post("/admin/reload", "").WaitAsync(s_soon)).Refused(409).GetProperty("models")[0];
        Assert.Contains($"the member at {_members[1].Peer.Address} does not answer", model.GetProperty("problem").GetString());
        await Scores(rewards.Scorer);
    }

    [Fact]
    public async Task A_commit_that_is_lost_or_whose_answer_is_lost_is_asked_for_again()
    {
        await Start(2);
        int commits = 0;
        _members[1].Relay.Meets = async (http, pass) =>
        {
            if (http.Request.Path == "/fleet/commit" && ++commits is var count && count < 3)
            {
                // The first never comes there; the second does, and its answer is lost.
                http.Response.Body = count == 1 ? http.Response.Body : new MemoryStream();
                if (count == 2) await pass();
                http.Abort();
                return;
            }
            await pass();
        };
        Replace();
        Assert.True((await _members[0].Server.Post("/admin/reload", "").WaitAsync(s_soon)).Ok.GetProperty("models")[0].GetProperty("reloaded").GetBoolean());
        Assert.Equal(3, commits);
        await Scores(rewards.SafeScorer);
    }

    [Fact]
    public async Task Reloads_at_once_at_all_members_follow_each_other()
    {
        await Start(3);
        Replace();
        foreach (var answer in await Task.WhenAll(Enumerable.Range(0, 6).Select(i => _members[i % 3].Server.Post("/admin/reload", ""))).WaitAsync(TimeSpan.FromSeconds(60))) answer.Refused(200);
        await Scores(rewards.SafeScorer);
        foreach (var member in _members) await member.Knows(3);
    }

    [Fact]
    public async Task A_step_of_it_says_that_a_file_is_prepared_and_only_the_end_that_it_is_served()
    {
        await Start(2);
        string? said = null;
        _members[1].Relay.Meets = async (http, pass) =>
        {
            if (http.Request.Path != "/fleet/prepare")
            {
                await pass();
                return;
            }
            var body = http.Response.Body;
            using var kept = new MemoryStream();
            http.Response.Body = kept;
            await pass();
            http.Response.Body = body;
            said = System.Text.Encoding.UTF8.GetString(kept.ToArray());
            await body.WriteAsync(kept.ToArray());
        };
        Replace();
        (await _members[0].Server.Post("/admin/reload", "").WaitAsync(s_soon)).Refused(200);
        Assert.Contains("\"prepared\":true", said);
        Assert.DoesNotContain("reloaded", said);
    }

    private async Task Start(int count)
    {
        System.IO.File.Copy(rewards.True, File);
        _members = await TestMember.Fleet(rewards, count, (options, _) => options with { Rewards = [new("r", File)] });
    }

    private void Replace() => System.IO.File.Copy(rewards.Safe, File, overwrite: true);

    private async Task Scores(RewardScorer scorer)
    {
        foreach (var member in _members)
            JsonAssert.Score(scorer.Score("Q", "A"), (await member.Server.Post("/v1/rewards", SafetyTests.Good)).Ok.GetProperty("results")[0].GetProperty("score"));
    }
}
