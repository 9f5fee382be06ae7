namespace SparseRM.Engine;

/// <summary>What makes an engine another one before the same weights.</summary>
/// <param name="MaxBatchTokens">Tokens of a batch.</param>
/// <param name="PrefixCacheBytes">Bytes of keys and values of earlier texts.</param>
/// <param name="SessionBytes">Bytes of keys and values of sessions.</param>
/// <param name="Queue">How much may wait.</param>
internal sealed record EngineSettings(int MaxBatchTokens, long PrefixCacheBytes, long SessionBytes, QueueOptions Queue)
{
    /// <summary>Those of the options.</summary>
    public static EngineSettings Of(BackboneOptions options) => new(
        options.MaxBatchTokens, options.PrefixCacheBytes, options.SessionBytes ?? Math.Max(options.PrefixCacheBytes, BackboneOptions.DefaultPrefixCacheBytes), options.Queue);
}
