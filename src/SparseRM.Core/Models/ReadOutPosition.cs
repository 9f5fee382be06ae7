namespace SparseRM.Models;

/// <summary>At which token, or tokens, of a dialogue the residual stream is read.</summary>
public enum ReadOutPosition
{
    /// <summary>The last token of the rendered dialogue (often the template's own end mark).</summary>
    Last,
    /// <summary>The last token of the answer's own text.</summary>
    Content,
    /// <summary>The mean over the tokens of the answer's own text.</summary>
    Mean,
}

/// <summary>What to do with an input that is longer than the model's context.</summary>
public enum Truncation
{
    /// <summary>Refuse it.</summary>
    Refuse,
    /// <summary>Drop its first tokens, but keep the BOS.</summary>
    Left,
    /// <summary>Drop its last tokens.</summary>
    Right,
}
