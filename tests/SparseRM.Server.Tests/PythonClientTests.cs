using System.Diagnostics;
using System.Text.Json;

namespace SparseRM.Server.Tests;

/// <summary>The trainers' own code, from their wheels, and our Python clients, against a real server.</summary>
public class PythonClientTests(Rewards rewards, ITestOutputHelper output, PythonClientTests.Environment environment) : IClassFixture<PythonClientTests.Environment>
{
    private const string Prompt = "What is 2 + 2?", Answer = "4";

    private float Score => rewards.Scorer.Score(Prompt, Answer);

    /// <summary>A virtual environment with the team's wheels, made once.</summary>
    public sealed class Environment : IDisposable
    {
        /// <summary>The clients, with what they need; torch, ray and the like are stubbed.</summary>
        private static readonly string[] s_packages =
        [
            "aiohttp", "aiohappyeyeballs", "aiosignal", "attrs", "frozenlist", "multidict", "propcache", "yarl", "idna", "openai", "annotated-types", "anyio", "certifi", "h11",
            "httpcore2", "httpx2", "jiter", "pydantic", "pydantic-core", "sniffio", "truststore", "typing-extensions", "typing-inspection", "openrlhf", "verl", "trl", "urllib3",
        ];

        private readonly TemporaryFolder _folder = new();
        private string? _python;

        /// <summary>Its interpreter; skips the calling test, saying so, where Python or the wheels are absent.</summary>
        public string Python()
        {
            string wheels = Path.Combine(SharedData.Root, "..", "shared", "wheels");
            if (!Directory.Exists(wheels)) Assert.Skip("the trainers' wheels (../shared/wheels) are not on this machine: their client code stays untried");
            if (_python is not null) return _python;
            string base_ = Tool.Find("python3", "the trainers' client code stays untried");
            // Without pip of its own, and in one go: half a minute less.
            Run(base_, "-m", "venv", "--without-pip", _folder.File("v"));
            string python = _folder.File("v", "bin", "python");
            Run(base_, ["-m", "pip", "--python", python, "install", "-q", "--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check", "--find-links", wheels, .. s_packages]);
            return _python = python;
        }

        public void Dispose() => _folder.Dispose();

        private static void Run(string program, params string[] arguments)
        {
            var (code, said) = Tool.Run(program, arguments);
            if (code != 0 && said.Contains("No matching distribution", StringComparison.Ordinal)) Assert.Skip($"a wheel does not fit this Python: {said.Trim()}");
            Assert.True(code == 0, said);
        }
    }

    [Theory]
    [InlineData("openrlhf")]
    [InlineData("openrlhf_function")]
    public async Task OpenRLHF_s_executor_gets_the_reward(string which)
    {
        string function = Path.Combine(SharedData.Root, "src", "SparseRM.Bindings", "python", "sparserm", "openrlhf.py");
        var result = await Run(which, new() { ["function"] = function, ["decodes"] = "text" });
        JsonAssert.Score(Score, Single(result.GetProperty("reward")));
        JsonAssert.Score(Score, Single(result.GetProperty("scores")));
        JsonAssert.Score(Score, Single(result.GetProperty("extra_logs").GetProperty("raw_reward")));
    }

    [Theory]
    [InlineData("verl_vllm")]
    [InlineData("verl_sglang")]
    public async Task Verl_s_reward_loop_gets_the_reward(string which) =>
        JsonAssert.Score(Score, (await Run(which, new() { ["decodes"] = "answer" })).GetProperty("reward_score"));

    [Fact]
    public async Task Our_reward_manager_runs_in_verl()
    {
        var result = await Run("verl_manager", new() { ["decodes"] = "answer" });
        JsonAssert.Score(Score, result.GetProperty("reward_score"));
        JsonAssert.Members(result.GetProperty("reward_extra_info"), "sparserm_score", "sparserm_tokens", "sparserm_doubt", "sparserm_novelty");
        Assert.Equal(rewards.Ids(Prompt, Answer).Length, result.GetProperty("reward_extra_info").GetProperty("sparserm_tokens").GetInt32());
    }

    [Fact]
    public async Task TRL_s_trainer_gets_the_reward_and_a_failure_is_none()
    {
        var result = await Run("trl_trainer", new() { ["decodes"] = "text" });
        var scores = result.GetProperty("scores").EnumerateArray().ToArray();
        Assert.Equal(8, scores.Length);
        Assert.All(scores, score => JsonAssert.Score(Score, score));
        Assert.Equal("text", result.GetProperty("failure").GetString());
    }

    [Fact]
    public async Task OpenAI_s_client_reads_base64()
    {
        var result = await Run("openai", new() { ["decodes"] = "text" });
        Assert.All(result.GetProperty("embeddings").EnumerateArray(), embedding => JsonAssert.Score(Score, Single(embedding)));
        Assert.Equal(2 * rewards.Ids(Prompt, Answer).Length, result.GetProperty("tokens").GetInt32());
    }

    [Fact]
    public async Task Our_clients_give_the_library_s_scores()
    {
        var scores = (await Run("own", new() { ["decodes"] = "text", ["ids"] = rewards.Ids(Prompt, Answer) })).GetProperty("scores").EnumerateArray().ToArray();
        Assert.Equal(10, scores.Length);
        Assert.All(scores, score => JsonAssert.Score(Score, score));
    }

    [Fact]
    public async Task No_failure_becomes_a_score()
    {
        var result = await Run("failures", new() { ["decodes"] = "text" });
        foreach (string client in (string[])["bad", "group", "trl", "slime"]) Assert.Equal("text", result.GetProperty(client).GetProperty("kind").GetString());
        Assert.Equal("nan", result.GetProperty("areal").GetProperty("value").GetString());
        Assert.StartsWith("completion 0 does not end", result.GetProperty("unanswered").GetProperty("type").GetString());
        Assert.StartsWith("queries is a str", result.GetProperty("letters").GetProperty("type").GetString());
        Assert.Equal("unreachable", result.GetProperty("nobody").GetProperty("kind").GetString());
        Assert.Equal("deadline", result.GetProperty("silent").GetProperty("kind").GetString());
        Assert.Equal("full", result.GetProperty("full").GetProperty("kind").GetString());
    }

    private static JsonElement Single(JsonElement list) => Assert.Single(list.EnumerateArray().ToArray());

    private async Task<JsonElement> Run(string which, Dictionary<string, object> given)
    {
        string python = environment.Python();
        (given["prompt"], given["answer"], given["rendered"]) = (Prompt, Answer, rewards.Rendered(Prompt, Answer));
        var start = new ProcessStartInfo(python, [Path.Combine(SharedData.Root, "tests", "SparseRM.Server.Tests", "Python", "clients.py"), which, rewards.Server.Server.Address.ToString().TrimEnd('/'), JsonSerializer.Serialize(given)])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["PYTHONPATH"] = Path.Combine(SharedData.Root, "src", "SparseRM.Bindings", "python");
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        using var process = Process.Start(start)!;
        var said = process.StandardError.ReadToEndAsync();
        string text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await said);
        var answer = JsonElement.Parse(text.Trim().Split('\n')[^1]);
        output.WriteLine($"stubbed: {answer.GetProperty("stubbed")}");
        return answer.GetProperty("result");
    }
}
