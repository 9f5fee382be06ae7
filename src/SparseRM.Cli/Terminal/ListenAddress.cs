using System.Net;

namespace SparseRM.Cli.Terminal;

/// <summary>An address and a port to listen at.</summary>
internal static class ListenAddress
{
    /// <summary>Reads <c>ADDRESS:PORT</c>.</summary>
    /// <exception cref="UsageException">It is something else.</exception>
    public static IPEndPoint Parse(string option, string given)
    {
        string text = given.StartsWith("localhost:", StringComparison.Ordinal) ? "127.0.0.1" + given["localhost".Length..] : given;
        int colon = text.LastIndexOf(':');
        return colon > 0 && IPEndPoint.TryParse(text, out var address) && (text[0] == '[' || text.IndexOf(':') == colon)
            ? address : throw new UsageException($"{option}: '{given}' is not an address and port such as 127.0.0.1:8000 or [::1]:8000");
    }
}
