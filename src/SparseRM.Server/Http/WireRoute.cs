namespace SparseRM.Server.Http;

/// <summary>A route of a wire.</summary>
/// <param name="Method">HTTP method.</param>
/// <param name="Path">Path.</param>
/// <param name="Wire">Whose form it has: a label of metrics and logs.</param>
/// <param name="Errors">How it tells of failures that come before its body is known, and of all others unless the call says otherwise.</param>
/// <param name="Handle">Reads the body, scores, writes the answer.</param>
internal sealed record WireRoute(string Method, string Path, string Wire, ErrorShape Errors, Func<WireCall, Task> Handle)
{
    /// <summary>Says whose form a request of a shared path has, before anything else is read of it; null where a path is one owner's.</summary>
    public Action<WireCall>? Tell { get; init; }

    /// <summary>Whether it has a JSON body.</summary>
    public bool HasBody { get; init; } = true;

    /// <summary>Whether it is answered without the API key.</summary>
    public bool IsOpen { get; init; }

    /// <summary>Whether it is answered while the server stops.</summary>
    public bool WhileStopping { get; init; }

    /// <summary>Whether only members of a fleet are answered.</summary>
    public bool IsOfFleet { get; init; }

    /// <summary>Names the member of a fleet that alone can answer a request, by its mark; null where any can.</summary>
    public Func<WireCall, string?>? OwnerOf { get; init; }

    /// <summary>Whether a member that stands twice in an object is refused (the owners of the other wires take the last one).</summary>
    public bool IsStrict { get; init; }
}
