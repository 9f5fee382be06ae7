using System.Net;
using SparseRM.Errors;

namespace SparseRM.Server;

/// <summary>What a <see cref="RewardServer"/> serves, and to whom.</summary>
public sealed record ServerOptions
{
    /// <summary>The model and how it runs. Its queue's bounds are the server's: beyond them requests are refused.</summary>
    public required BackboneOptions Backbone { get; init; }

    /// <summary>The reward models; the first one answers where a request names none.</summary>
    public required IReadOnlyList<NamedReward> Rewards { get; init; }

    /// <summary>Where to listen; port 0 takes a free one.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 8000);

    /// <summary>What clients must send as a bearer token or as <c>X-API-Key</c>; null asks for none.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Whether another address than loopback may be served without a key, and on loopback requests for another host's name.</summary>
    public bool Insecure { get; init; }

    /// <summary>A PEM certificate (chain) for TLS, with <see cref="TlsKey"/>; null for plain HTTP.</summary>
    public string? TlsCertificate { get; init; }

    /// <summary>The certificate's private key, PEM.</summary>
    public string? TlsKey { get; init; }

    /// <summary>Bounds of a request.</summary>
    public ServerLimits Limits { get; init; } = new();

    /// <summary>Whose answer <c>/v1/rerank</c> gives.</summary>
    public RerankWire Rerank { get; init; } = RerankWire.Vllm;

    /// <summary>Scored texts that the page may open again; 0 keeps none.</summary>
    public int Keep { get; init; }

    /// <summary>What the page shows when it is opened: a prompt with two answers; null leaves it empty.</summary>
    public PageExample? Example { get; init; }

    /// <summary>Whether logs may hold texts.</summary>
    public bool LogTexts { get; init; }

    /// <summary>Whether each request is logged, not only failures.</summary>
    public bool LogRequests { get; init; }

    /// <summary>
    /// Where traces go: an OpenTelemetry collector's address, such as <c>http://127.0.0.1:4318</c>; null for nowhere. The rest is told by OpenTelemetry's own
    /// environment (OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_PROTOCOL, by default http/protobuf, OTEL_TRACES_SAMPLER, ..).
    /// </summary>
    public Uri? Traces { get; init; }

    /// <summary>Refuses what cannot be served or would be unsafe.</summary>
    /// <exception cref="SparseRMException">One sentence says what to change.</exception>
    internal void Check()
    {
        if (Rewards.Count == 0) throw Usage("no reward model is given; give at least one");
        if (Rewards.GroupBy(reward => reward.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw Usage($"two reward models are named '{twice.Key}'; give each its own name");
        if (!IPAddress.IsLoopback(Listen.Address) && ApiKey is null && !Insecure)
            throw Usage($"{Listen.Address} can be reached from other machines, and no API key is set; set the option api key, or the option insecure to serve anybody");
        if (ApiKey is { Length: < 8 }) throw Usage("the API key has fewer than 8 characters; use a longer one");
        if (ApiKey is not null && (ApiKey.Any(char.IsControl) || ApiKey.Trim() != ApiKey))
            throw Usage("the API key has a line break, another control character, or blanks around it, which no client can send; give one line of text");
        if ((TlsCertificate is null) != (TlsKey is null)) throw Usage("TLS needs both a certificate and its key; give both");
    }

    private static SparseRMException Usage(string message) => new(ErrorKind.Usage, message);
}
