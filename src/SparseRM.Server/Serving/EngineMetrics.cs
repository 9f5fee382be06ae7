using SparseRM.Scoring;

namespace SparseRM.Server.Serving;

/// <summary>What the reward models, and the models behind them, say of themselves; several rewards on one model share the model's numbers.</summary>
internal static class EngineMetrics
{
    /// <summary>Writes the metrics of all models.</summary>
    public static void Write(MetricsText text, RewardRegistry registry)
    {
        var models = registry.All.Select(reward => (Labels: $"reward=\"{MetricsText.Label(reward.Name)}\"", reward.Scorer.Backbone.Counts)).ToArray();
        Of("sparserm_queue_requests", "gauge", "Requests that wait for the model.", counts => counts.WaitingRequests);
        Of("sparserm_queue_tokens", "gauge", "Tokens that wait for the model.", counts => counts.WaitingTokens);
        Of("sparserm_batches_total", "counter", "Forward passes.", counts => counts.Batches);
        Of("sparserm_batched_sequences_total", "counter", "Sequences in forward passes; over batches_total, the fill of a batch.", counts => counts.Sequences);
        Of("sparserm_computed_tokens_total", "counter", "Tokens that went through the model.", counts => counts.ComputedTokens);
        Of("sparserm_cached_tokens_total", "counter", "Tokens that the prefix cache had.", counts => counts.FoundTokens);
        Of("sparserm_cache_bytes", "gauge", "Keys and values that the prefix cache holds.", counts => counts.CachedBytes);

        WriteDrift(text, registry);

        void Of(string name, string type, string help, Func<EngineCounts, double> value)
        {
            text.Of(name, type, help);
            foreach (var (labels, counts) in models) text.Line(labels, value(counts));
        }
    }

    private static void WriteDrift(MetricsText text, RewardRegistry registry)
    {
        var reports = registry.All.Select(reward => (Reward: MetricsText.Label(reward.Name), Report: reward.Drift.Report())).ToArray();
        text.Of("sparserm_audit_inputs_total", "counter", $"Scored inputs that the audit looked at: one of {DriftAudit.Every}.");
        foreach (var (reward, report) in reports) text.Line($"reward=\"{reward}\"", report.Seen);
        text.Of("sparserm_audit_unusual", "gauge", $"Inputs of the last {DriftWindows.DefaultWindow} that are more unusual than 99 of 100 of the fit's.");
        foreach (var (reward, report) in reports) text.Line($"reward=\"{reward}\"", report.Unusual);
        text.Of("sparserm_audit_direction_shift", "gauge", "Standard errors by which a direction's mean moved since the first window; the largest ones.");
        foreach (var (reward, report) in reports)
            foreach (var (name, shift) in report.Shifts) text.Line($"reward=\"{reward}\",direction=\"{MetricsText.Label(name)}\"", shift);
        text.Of("sparserm_audit_alarm", "gauge", "Whether more is unusual, or a direction moved further, than chance gives.");
        foreach (var (reward, report) in reports)
            text.Line($"reward=\"{reward}\",what=\"novelty\"", report.IsUnusual ? 1 : 0).Line($"reward=\"{reward}\",what=\"directions\"", report.IsShifted ? 1 : 0);
        text.Of("sparserm_audit_false_alarm_rate", "gauge", "Share of windows of independent inputs in which chance alone alarms.").Line("", DriftWindows.FalseAlarms);
    }
}
