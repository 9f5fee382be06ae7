namespace SparseRM.Server.Serving;

/// <summary>What was done so that exactly one BOS comes first.</summary>
internal enum BosAction
{
    /// <summary>Nothing: there was one.</summary>
    Kept,
    /// <summary>There was none.</summary>
    Added,
    /// <summary>There were several.</summary>
    Merged,
    /// <summary>The tokenizer has none.</summary>
    None,
}
