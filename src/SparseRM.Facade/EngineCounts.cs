namespace SparseRM;

/// <summary>What went through a backbone since it was opened, and what waits before it.</summary>
/// <param name="WaitingRequests">Requests that wait, in whole or in part.</param>
/// <param name="WaitingTokens">Tokens that wait.</param>
/// <param name="ComputedTokens">Tokens that went through the blocks.</param>
/// <param name="FoundTokens">Tokens that the prefix cache had.</param>
/// <param name="CachedBytes">Bytes of keys and values, those of sessions among them.</param>
/// <param name="Batches">Forward passes that came to their end.</param>
/// <param name="Sequences">Sequences whose states they gave.</param>
/// <example><code>Console.WriteLine($"{backbone.Counts.WaitingRequests} requests wait, {backbone.Counts.ComputedTokens} tokens were computed");</code></example>
public readonly record struct EngineCounts(
    int WaitingRequests, long WaitingTokens, long ComputedTokens, long FoundTokens, long CachedBytes, long Batches, long Sequences);
