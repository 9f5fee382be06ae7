using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using SparseRM.Server.Wires;

namespace SparseRM.Server.Tests;

/// <summary>The lines of the README, as they are typed.</summary>
public class ReadmeTests(Rewards rewards)
{
    /// <summary>Routes that score nothing by themselves.</summary>
    private static readonly string[] s_others = ["/seed_session", "/aggregate_metrics", "/admin/reload", "/v1/classify"];

    [Fact]
    public void Every_curl_line_is_answered_with_a_score_and_every_wire_has_one()
    {
        Tool.Find("curl", "the README's lines stay untried");
        string shell = Tool.Find("bash", "the README's lines stay untried");
        string[] lines = [.. File.ReadLines(Path.Combine(SharedData.Root, "src", "SparseRM.Server", "README.md")).Where(line => line.StartsWith("curl ", StringComparison.Ordinal))];
        string address = rewards.Server.Server.Address.Authority;
        // All at once: a process each.
        Parallel.ForEach(lines, line =>
        {
            var start = new ProcessStartInfo(shell, ["-c", line.Replace("localhost:8000", address, StringComparison.Ordinal)]) { RedirectStandardOutput = true };
            using var process = Process.Start(start)!;
            string said = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, $"{line}\n{said}");
            Assert.True(HasScore(JsonElement.Parse(said)), $"{line}\n{said}");
        });
        var asked = lines.SelectMany(line => Regex.Matches(line, @"localhost:8000(/\S*)")).Select(match => match.Groups[1].Value).Distinct();
        var routes = WireRoutes.All(RerankWire.Vllm).Where(route => route.Method == "POST" || route.HasBody).Select(route => route.Path).Except(s_others);
        Assert.Empty(routes.Except(asked));
    }

    /// <summary>Whether a number stands where a wire puts its score.</summary>
    private static bool HasScore(JsonElement answer) => answer.ValueKind switch
    {
        JsonValueKind.Number => true,
        JsonValueKind.Array => answer.GetArrayLength() > 0 && answer.EnumerateArray().All(HasScore),
        JsonValueKind.Object => !answer.TryGetProperty("error", out _) && !answer.TryGetProperty("detail", out _) && answer.EnumerateObject().Any(member =>
            member.Name is "score" or "scores" or "probs" or "embedding" or "rewards" or "reward" or "relevance_score" or "reward_score" or "results" or "data"
            && HasScore(member.Value)),
        _ => false,
    };
}
