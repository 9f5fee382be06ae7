using System.Text.Json;
using Microsoft.AspNetCore.Http;
using SparseRM.Server.Faults;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Http;

/// <summary>The other servers that answer requests with this one. Thread-safe.</summary>
internal interface IFleet : IDisposable
{
    /// <summary>Header of a refusal whose sender, a member, is to ask the next one.</summary>
    const string PassHeader = "X-SparseRM-Pass";

    /// <summary>How this member is known in names that it gives away.</summary>
    string Mark { get; }

    /// <summary>Whether a member sends a request; it has chosen this one, so it goes no further.</summary>
    bool IsFromMember(HttpRequest request);

    /// <summary>Whether a member's request is to be answered by the means that are here now.</summary>
    bool HasMeansOf(HttpRequest request);

    /// <summary>What a member's request has taken there already.</summary>
    TimeSpan ElapsedOf(HttpRequest request);

    /// <summary>Has a request answered by the member that it belongs to, or where that one cannot, by the next one in its order.</summary>
    /// <param name="call">The request.</param>
    /// <param name="here">Answers it as this member.</param>
    /// <exception cref="Fault">This one refused it; since it was full, only where the members behind it in the order do not answer either.</exception>
    Task AnswerAsync(WireCall call, Func<WireCall, Task> here);

    /// <summary>Has a request answered by a member that it names, of which it wants what only that one has, whatever its means are by now.</summary>
    /// <param name="call">The request.</param>
    /// <param name="mark">The member's <see cref="Mark"/>.</param>
    /// <returns>False where that is this one, or no member any more.</returns>
    /// <exception cref="Fault">It is a member, and did not answer.</exception>
    Task<bool> TryAnswerAtAsync(WireCall call, string mark);

    /// <summary>Reads reward files again at all members, or at none.</summary>
    Task<IReadOnlyList<ReloadResult>> ReloadAsync(string? name, CancellationToken cancel);

    /// <summary>Writes all that decides what this member answers.</summary>
    void WriteIdentity(Utf8JsonWriter json);

    /// <summary>Writes its counters.</summary>
    void WriteTo(MetricsText text);
}
