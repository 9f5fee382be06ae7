namespace SparseRM.Backends;

/// <summary>By what a forward pass is told from others: see <see cref="Backend.BeginPass"/>.</summary>
/// <param name="Tokens">Rows of the batch.</param>
/// <param name="Reads">Rows that are read out.</param>
/// <param name="Sequences">Sequences of the batch.</param>
/// <param name="Layer">Last block.</param>
public readonly record struct PassShape(int Tokens, int Reads, int Sequences, int Layer);
