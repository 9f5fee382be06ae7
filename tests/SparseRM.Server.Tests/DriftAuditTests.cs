using SparseRM.Fitting;
using SparseRM.Scoring;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Tests;

/// <summary>The audit of what is scored, and how often chance alone would alarm.</summary>
public class DriftAuditTests(Rewards rewards)
{
    private RewardComponent Component => rewards.Scorer.Reward.Components[0];

    [Fact]
    public void Inputs_like_the_fit_s_alarm_nothing()
    {
        var report = Report(_ => 1, _ => 1);
        Assert.Equal((512, 256, 0, false, false), (report.Seen, report.Inputs, report.Unusual, report.IsUnusual, report.IsShifted));
    }

    [Fact]
    public void Inputs_far_from_the_fit_s_are_unusual()
    {
        var report = Report(_ => 1, _ => 100);
        Assert.Equal(256, report.Unusual);
        Assert.True(report.IsUnusual);
    }

    [Fact]
    public void A_direction_that_moved_is_named()
    {
        var report = Report(_ => 1, i => i == 3 ? 1.5f : 1);
        Assert.True(report.IsShifted);
        Assert.Equal($"reward/latent {Component.Input.Latents[3].Latent}", report.Shifts[0].Name);
    }

    [Fact]
    public async Task One_of_sixty_four_scored_inputs_is_looked_at()
    {
        await using var server = await rewards.Start();
        string responses = string.Join(',', Enumerable.Range(0, 130).Select(i => $"\"{i}\""));
        (await server.Post("/v1/rewards", $$"""{"inputs": [{"prompt": "Q", "responses": [{{responses}}]}]}""")).Refused(200);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        double seen;
        while ((seen = await server.Metric("sparserm_audit_inputs_total")) == 0 && clock.Elapsed < TimeSpan.FromSeconds(20)) await Task.Delay(20);
        // While one is looked at the next ones are not.
        Assert.InRange(seen, 1, 3);
    }

    /// <summary>A window of inputs around the fit's mean, then another; each direction is a factor of its mean with a little noise.</summary>
    private DriftReport Report(Func<int, float> first, Func<int, float> then)
    {
        var audit = new DriftAudit(rewards.Scorer.Reward);
        var random = new SeededRandom(7);
        var mean = Component.MeanInput.ToArray();
        foreach (var factor in (Func<int, float>[])[first, then])
            for (int n = 0; n < DriftWindows.DefaultWindow; n++) audit.Add([[.. mean.Select((value, i) => value * factor(i) + 0.001f * (float)random.NextGaussian())]]);
        return audit.Report();
    }
}
