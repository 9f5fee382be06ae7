using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Fleet;

/// <summary>What a member answered to a forwarded request: all of it, so that half of one is never passed on.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Type">Type of the body.</param>
/// <param name="Headers">Headers of the answer itself, without those of the connection.</param>
/// <param name="Body">The body.</param>
internal sealed record FleetAnswer(int Status, string? Type, IReadOnlyList<KeyValuePair<string, string>> Headers, byte[] Body);

/// <summary>Calls from member to member, over their own HTTP servers.</summary>
internal sealed class FleetCalls : IDisposable
{
    /// <summary>Header with the receiver's own secret: whoever sends it is a member, and has chosen this one.</summary>
    public const string TokenHeader = "X-SparseRM-Member";

    /// <summary>Header with the hash of the means by which the sender would answer; who has others refuses, and says <see cref="IFleet.PassHeader"/>.</summary>
    public const string MeansHeader = "X-SparseRM-Means";

    /// <summary>Header with the milliseconds that a forwarded request has taken before: the time that it may take goes on.</summary>
    public const string ElapsedHeader = "X-SparseRM-Elapsed";

    /// <summary>How long a member may take over a short answer.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // Of the connection or its server, not of the answer.
    private static readonly HashSet<string> s_ofConnection = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Transfer-Encoding", "Trailer", "Upgrade", "Date", "Server", "Content-Length", "Content-Type",
    };

    // vLLM's bytes have a header with a line for each input; the client's own bound of 64 KiB would be that of some 500.
    private const int HeaderKibibytes = 1 << 16;

    private readonly HttpClient _client = new(new SocketsHttpHandler
    {
        ConnectTimeout = TimeSpan.FromSeconds(2), UseProxy = false, UseCookies = false, AllowAutoRedirect = false, MaxResponseHeadersLength = HeaderKibibytes,
    })
    { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>How a member is doing.</summary>
    /// <returns>No report where it does not say, or says what nobody can read; and whether it can never answer again.</returns>
    /// <param name="member">The member.</param>
    /// <param name="isNear">Whether it is on this machine, where a refused connection says that its process is gone.</param>
    /// <param name="cancel">Gives up.</param>
    public async Task<(FleetReport? Report, bool IsOver)> ReportAsync(FleetMember member, bool isNear, CancellationToken cancel)
    {
        try
        {
            using var json = await AskAsync(member, HttpMethod.Get, FleetRoutes.Member, Patience, cancel).ConfigureAwait(false);
            var root = json.RootElement;
            return (new FleetReport(FleetIdentity.Read(root), root.GetProperty("waiting").GetInt32(), root.GetProperty("room").GetInt32()), false);
        }
        catch (HttpRequestException error) when (!cancel.IsCancellationRequested)
        {
            // One that answered as itself, and in whose place somebody answers who knows nothing of it, was replaced.
            return (null, error.StatusCode == HttpStatusCode.NotFound ? member.HasAnswered
                : isNear && error.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused });
        }
        catch (Exception) when (!cancel.IsCancellationRequested)
        {
            return (null, false);
        }
    }

    /// <summary>One step of a reload at a member.</summary>
    /// <param name="member">The member.</param>
    /// <param name="path">The step.</param>
    /// <param name="patience">How long it may take.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>What became of each reward model there; null where the member does not answer in time, or is no member any more.</returns>
    public async Task<IReadOnlyList<ReloadResult>?> ReloadAsync(FleetMember member, string path, TimeSpan patience, CancellationToken cancel)
    {
        try
        {
            using var json = await AskAsync(member, HttpMethod.Post, path, patience, cancel).ConfigureAwait(false);
            return [.. json.RootElement.GetProperty("models").EnumerateArray().Select(model => new ReloadResult(model.GetProperty("model").GetString()!,
                model.GetProperty("fingerprint").GetString()!, model.TryGetProperty("problem", out var problem) ? $"the member at {member.Peer.Address}: {problem.GetString()}" : null))];
        }
        catch (Exception) when (!cancel.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Sends a request on.</summary>
    /// <param name="member">To whom.</param>
    /// <param name="call">The request.</param>
    /// <param name="means">By what means it must be answered; null where whose means do not matter.</param>
    /// <returns>The answer; null where another member is to be asked, since this one is full, stops, or answers by other means.</returns>
    /// <exception cref="HttpRequestException">The member died, or the way to it did; so does <see cref="IOException"/>.</exception>
    /// <exception cref="OperationCanceledException">The client went away, or the membership no longer has the member.</exception>
    /// <exception cref="Fault">The time of the request is over.</exception>
    public async Task<FleetAnswer?> ForwardAsync(FleetMember member, WireCall call, string? means)
    {
        var allowed = call.Parts.Options.Limits.Deadline;
        using var late = new CancellationTokenSource(ScoringCore.Remaining(allowed, call.Arrived));
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(call.Cancel, member.Gone, late.Token);
        using var request = new HttpRequestMessage(new HttpMethod(call.Http.Request.Method), new Uri(member.Peer.Address, $"{call.Http.Request.Path}{call.Http.Request.QueryString}"))
        {
            Content = new ByteArrayContent(System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(call.Body).ToArray()) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
        };
        request.Headers.Add(TokenHeader, member.Peer.Token);
        request.Headers.Add(ElapsedHeader, Stopwatch.GetElapsedTime(call.Arrived).TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture));
        if (means is not null) request.Headers.Add(MeansHeader, means);
        try
        {
            using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, wait.Token).ConfigureAwait(false);
            byte[] body = await response.Content.ReadAsByteArrayAsync(wait.Token).ConfigureAwait(false);
            if (response.Headers.Contains(IFleet.PassHeader)) return null;
            return new FleetAnswer((int)response.StatusCode, response.Content.Headers.ContentType?.ToString(), [.. Own(response.Headers), .. Own(response.Content.Headers)], body);
        }
        catch (OperationCanceledException error) when (!call.Cancel.IsCancellationRequested && !member.Gone.IsCancellationRequested)
        {
            if (late.IsCancellationRequested) throw ScoringCore.Over(allowed);
            // Its machine is not there: nobody answers the attempt to connect.
            throw new HttpRequestException($"{member.Peer.Address} cannot be reached", error);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private async Task<JsonDocument> AskAsync(FleetMember member, HttpMethod method, string path, TimeSpan patience, CancellationToken cancel)
    {
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(cancel, member.Gone);
        wait.CancelAfter(patience);
        using var request = new HttpRequestMessage(method, new Uri(member.Peer.Address, path));
        request.Headers.Add(TokenHeader, member.Peer.Token);
        using var response = await _client.SendAsync(request, wait.Token).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        return await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(wait.Token).ConfigureAwait(false), default, wait.Token).ConfigureAwait(false);
    }

    private static IEnumerable<KeyValuePair<string, string>> Own(HttpHeaders headers) => headers.NonValidated
        .Where(header => !s_ofConnection.Contains(header.Key)).Select(header => new KeyValuePair<string, string>(header.Key, header.Value.ToString()));
}
