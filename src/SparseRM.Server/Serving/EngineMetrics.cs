namespace SparseRM.Server.Serving;

/// <summary>What the models behind the reward models say of themselves; several rewards on one model share these numbers.</summary>
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

        void Of(string name, string type, string help, Func<EngineCounts, double> value)
        {
            text.Of(name, type, help);
            foreach (var (labels, counts) in models) text.Line(labels, value(counts));
        }
    }
}
