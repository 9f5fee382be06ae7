namespace SparseRM.Server;

/// <summary>A reward model that a server offers.</summary>
/// <param name="Name">What requests call it, in their field <c>model</c>.</param>
/// <param name="Path">Its file; read when the server starts and at every reload.</param>
public sealed record NamedReward(string Name, string Path);
