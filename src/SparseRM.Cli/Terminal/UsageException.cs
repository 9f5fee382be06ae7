namespace SparseRM.Cli.Terminal;

/// <summary>The command line alone shows that it is wrong, before any file is read: exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>Whoever read standard output has gone (<c>| head</c>): there is nobody left to tell.</summary>
internal sealed class OutputClosedException() : Exception("standard output was closed");
