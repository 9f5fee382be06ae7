namespace SparseRM.Benchmarking.Serving;

/// <summary>What clients saw while they all posted one text after the other.</summary>
/// <param name="Clients">Clients at once.</param>
/// <param name="Requests">Requests with an answer.</param>
/// <param name="TokensPerSecond">Tokens scored a second.</param>
/// <param name="TokensPerCpuSecond">Tokens scored a second of processor time of the process that scores.</param>
/// <param name="P50">Median time of a request, in ms.</param>
/// <param name="P99">Time within which 99 of 100 were answered, in ms.</param>
public sealed record LoadResult(int Clients, int Requests, double TokensPerSecond, double TokensPerCpuSecond, double P50, double P99);

/// <summary>The server beside the engine alone.</summary>
/// <param name="FirstScore">From the start of the process to the first score, in s.</param>
/// <param name="Engine">The library, as many callers, ids.</param>
/// <param name="Ids">The server, a text a POST, as ids.</param>
/// <param name="Text">The same as text.</param>
/// <param name="AddedLatency">Median of one request alone over the library's call, in ms.</param>
/// <param name="GroupTokens">Tokens of 16 answers to one prompt.</param>
/// <param name="GroupComputed">Tokens of them that were computed, where each came in a POST of its own.</param>
/// <param name="GroupPrompt">Tokens of the prompt.</param>
public sealed record ServeResult(
    double FirstScore, LoadResult Engine, LoadResult Ids, LoadResult Text, double AddedLatency, int GroupTokens, long GroupComputed, int GroupPrompt)
{
    /// <summary>The server's tokens in a second of its own processor time, as a share of the engine's.</summary>
    public double ServerToEngine => Ids.TokensPerCpuSecond / Engine.TokensPerCpuSecond;

    /// <summary>Tokens a second of texts, as a share of those of ids.</summary>
    public double TextToIds => Text.TokensPerSecond / Ids.TokensPerSecond;

    /// <summary>The slowest of a hundred requests by the median, of ids.</summary>
    public double P99ToP50 => Ids.P99 / Ids.P50;
}
