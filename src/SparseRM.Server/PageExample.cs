namespace SparseRM.Server;

/// <summary>A prompt with two answers to compare.</summary>
/// <param name="Prompt">One user turn.</param>
/// <param name="First">An answer.</param>
/// <param name="Second">Another answer.</param>
public sealed record PageExample(string Prompt, string First, string Second);
