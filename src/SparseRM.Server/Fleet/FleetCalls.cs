using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Fleet;

/// <summary>What a member answered to a forwarded request: all of it, so that half of one is never passed on.</summary>
internal sealed record FleetAnswer(int Status, string? Type, string? RetryAfter, byte[] Body);

/// <summary>Calls from member to member, over their own HTTP servers.</summary>
internal sealed class FleetCalls : IDisposable
{
    /// <summary>Header with the receiver's own secret: whoever sends it is a member, and has chosen this one.</summary>
    public const string TokenHeader = "X-SparseRM-Member";

    /// <summary>Header with the hash of the means by which the sender would answer; others are refused with 421.</summary>
    public const string MeansHeader = "X-SparseRM-Means";

    /// <summary>Header of an answer that says: ask the next one.</summary>
    public const string PassHeader = "X-SparseRM-Pass";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);
    private readonly HttpClient _client = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(2), UseProxy = false, UseCookies = false }) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>How a member is doing; null where it does not say.</summary>
    public async Task<FleetReport?> ReportAsync(FleetPeer peer, CancellationToken cancel)
    {
        try
        {
            using var json = await AskAsync(peer, HttpMethod.Get, FleetRoutes.Member, s_patience, cancel).ConfigureAwait(false);
            var root = json.RootElement;
            return new FleetReport(FleetIdentity.Read(root), root.GetProperty("waiting").GetInt32(), root.GetProperty("room").GetInt32());
        }
        catch (Exception error) when (IsFailure(error, cancel) || error is JsonException or KeyNotFoundException or ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>One step of a reload at a member.</summary>
    /// <returns>What became of each reward model there; where the member does not answer, its problem.</returns>
    public async Task<IReadOnlyList<ReloadResult>> ReloadAsync(FleetPeer peer, string path, IReadOnlyList<string> names, CancellationToken cancel)
    {
        try
        {
            using var json = await AskAsync(peer, HttpMethod.Post, path, Timeout.InfiniteTimeSpan, cancel).ConfigureAwait(false);
            return [.. json.RootElement.GetProperty("models").EnumerateArray().Select(model => new ReloadResult(model.GetProperty("model").GetString()!,
                model.GetProperty("fingerprint").GetString()!, model.TryGetProperty("problem", out var problem) ? $"the member at {peer.Address}: {problem.GetString()}" : null))];
        }
        catch (Exception error) when (IsFailure(error, cancel))
        {
            return [.. names.Select(name => new ReloadResult(name, "", $"the member at {peer.Address} does not answer ({error.Message.TrimEnd('.')})"))];
        }
    }

    /// <summary>Sends a request on.</summary>
    /// <param name="member">To whom.</param>
    /// <param name="call">The request.</param>
    /// <param name="means">By what means it must be answered.</param>
    /// <returns>The answer; null where another member is to be asked: this one died, is full, stops, or answers by other means.</returns>
    public async Task<FleetAnswer?> ForwardAsync(FleetMember member, WireCall call, string means)
    {
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(call.Cancel, member.Gone);
        wait.CancelAfter(call.Parts.Options.Limits.Deadline);
        using var request = new HttpRequestMessage(new HttpMethod(call.Http.Request.Method), new Uri(member.Peer.Address, $"{call.Http.Request.Path}{call.Http.Request.QueryString}"))
        {
            Content = new ByteArrayContent(System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(call.Body).ToArray()) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
        };
        request.Headers.Add(TokenHeader, member.Peer.Token);
        request.Headers.Add(MeansHeader, means);
        using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, wait.Token).ConfigureAwait(false);
        byte[] body = await response.Content.ReadAsByteArrayAsync(wait.Token).ConfigureAwait(false);
        if (response.Headers.Contains(PassHeader)) return null;
        return new FleetAnswer((int)response.StatusCode, response.Content.Headers.ContentType?.ToString(),
            response.Headers.RetryAfter?.Delta?.TotalSeconds.ToString(CultureInfo.InvariantCulture), body);
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private async Task<JsonDocument> AskAsync(FleetPeer peer, HttpMethod method, string path, TimeSpan patience, CancellationToken cancel)
    {
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        wait.CancelAfter(patience);
        using var request = new HttpRequestMessage(method, new Uri(peer.Address, path));
        request.Headers.Add(TokenHeader, peer.Token);
        using var response = await _client.SendAsync(request, wait.Token).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        return await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(wait.Token).ConfigureAwait(false), default, wait.Token).ConfigureAwait(false);
    }

    private static bool IsFailure(Exception error, CancellationToken cancel) =>
        error is HttpRequestException or IOException or JsonException or OperationCanceledException && !cancel.IsCancellationRequested;
}
