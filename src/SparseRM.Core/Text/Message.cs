namespace SparseRM.Text;

/// <summary>One turn of a dialogue.</summary>
/// <param name="Role"><c>system</c>, <c>user</c> or <c>assistant</c>, as chat templates name them.</param>
/// <param name="Content">The turn's text; marks in it that look like special tokens are text.</param>
public readonly record struct Message(string Role, string Content);
