namespace SparseRM.Backends;

/// <summary>One run of query rows and the rows of keys and values that its sequence consists of.</summary>
/// <remarks>
/// A sequence is [prefix rows][own rows]: key j of the sequence is row <c>PrefixStart + j</c> for j &lt; PrefixCount, else row
/// <c>KeyStart + j - PrefixCount</c>. The prefix may belong to another sequence of the batch (a prompt that several answers share);
/// queries need not cover all rows (in the last block only the read-out rows ask).
/// </remarks>
/// <param name="QueryStart">First query row.</param>
/// <param name="QueryCount">Query rows.</param>
/// <param name="PrefixStart">First key row of the shared prefix.</param>
/// <param name="PrefixCount">Rows of the shared prefix; 0 for none.</param>
/// <param name="KeyStart">First key row of the sequence's own part.</param>
/// <param name="KeyCount">Rows of the own part.</param>
public readonly record struct AttentionSegment(int QueryStart, int QueryCount, int PrefixStart, int PrefixCount, int KeyStart, int KeyCount);

/// <summary>What attention of one layer needs beside its operands.</summary>
/// <param name="NHeads">Query heads.</param>
/// <param name="NKvHeads">Key and value heads; query head h reads kv head h / (NHeads / NKvHeads).</param>
/// <param name="DHead">Width of a head.</param>
/// <param name="Scale">Multiplies q·k.</param>
/// <param name="Softcap">c of s = c tanh(s / c), after the scale and before the mask; 0 for none.</param>
/// <param name="Window">Key j is visible to the query at position i iff 0 &lt;= i - j &lt; Window; 0 for no window (causal only).</param>
public readonly record struct AttentionOptions(int NHeads, int NKvHeads, int DHead, float Scale, float Softcap, int Window);
