using System.Text.Json;
using System.Text.Json.Nodes;

namespace SparseRM.Cli.Tests;

/// <summary>The steps of a round of alignment: <c>score</c>, <c>make-pairs</c>, <c>best-of</c>, <c>filter</c>, and the fit on what they leave.</summary>
public sealed class AlignmentTests(FittedReward reward) : IDisposable
{
    private const string Trl = """
        import importlib.util, json, sys, types, zipfile
        for name in ["numpy", "pyarrow", "pyarrow.compute", "pyarrow.types", "datasets", "transformers"]:
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__getattr__ = lambda member: type(member, (), {})
        sys.modules["pyarrow"].compute, sys.modules["pyarrow"].types = sys.modules["pyarrow.compute"], sys.modules["pyarrow.types"]
        trl = types.ModuleType("trl.data_utils")
        exec(compile(zipfile.ZipFile(sys.argv[1]).read("trl/data_utils.py"), "data_utils.py", "exec"), trl.__dict__)
        class Template:
            def apply_chat_template(self, messages, tools=None, tokenize=False, add_generation_prompt=False, continue_final_message=False, **_):
                return "".join(f"<{m['role']}>{m['content']}\n" for m in messages) + ("<assistant>" if add_generation_prompt else "")
        for line in open(sys.argv[2], encoding="utf-8"):
            row = json.loads(line)
            assert trl.is_conversational(row) and trl.maybe_extract_prompt(row) == row
            print(json.dumps(trl.apply_chat_template({k: row[k] for k in ("prompt", "chosen", "rejected", "completion") if k in row}, Template())), file=sys.stderr)
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_round_from_answers_to_pairs_that_TRL_and_fit_read()
    {
        var items = File.ReadLines(FittedReward.Test).Take(24).Select(line => JsonNode.Parse(line)!).ToArray();
        string samples = _folder.File("samples.jsonl"), scored = _folder.File("scored.jsonl"), pairs = _folder.File("pairs.jsonl"), best = _folder.File("best.jsonl"), kept = _folder.File("kept.jsonl");
        File.WriteAllLines(samples, items.Select((item, i) => new JsonObject
        {
            ["prompt"] = item["prompt"]!.GetValue<string>(),
            ["responses"] = new JsonArray(item["chosen"]!.GetValue<string>(), item["rejected"]!.GetValue<string>(), items[(i + 1) % items.Length]["rejected"]!.GetValue<string>()),
        }.ToJsonString()));
        Cli.Run("score", "--model", FittedReward.Model, "--reward", reward.Path, "--input", samples, "--output", scored).Succeeded();
        var made = Cli.Run("make-pairs", "--input", scored, "--min-margin", "0.01", "--output", pairs, "--json").Json();
        Assert.Equal((24, 24), (made.GetProperty("prompts").GetInt32(), made.GetProperty("pairs").GetInt32() + made.GetProperty("thin").GetInt32()));
        Assert.Equal(72, Cli.Run("best-of", "--input", scored, "--output", best, "--json").Json().GetProperty("answers").GetInt32());
        foreach (var (row, line) in File.ReadLines(best).Zip(File.ReadLines(scored)))
            Assert.Equal(JsonNode.Parse(line)!["scores"]!.AsArray().Max(score => score!.GetValue<float>()), JsonNode.Parse(row)!["score"]!.GetValue<float>());

        // The data's own pairs, half of them exchanged: the filter drops what the reward model contradicts, and only that.
        string candidates = _folder.File("candidates.jsonl");
        File.WriteAllLines(candidates, items.Select((item, i) => new JsonObject
        {
            ["id"] = i, ["prompt"] = item["prompt"]!.GetValue<string>(), ["chosen"] = item[i % 2 == 0 ? "chosen" : "rejected"]!.GetValue<string>(), ["rejected"] = item[i % 2 == 0 ? "rejected" : "chosen"]!.GetValue<string>(),
        }.ToJsonString()));
        var filtered = Cli.Run("filter", "--model", FittedReward.Model, "--reward", reward.Path, "--data", candidates, "--output", kept, "--json").Json();
        var agreed = File.ReadLines(scored).Select((line, i) => (i, JsonNode.Parse(line)!["scores"]!.AsArray()))
            .Where(one => (one.i % 2 == 0) == (one.Item2[0]!.GetValue<float>() >= one.Item2[1]!.GetValue<float>())).Select(one => $"{one.i}");
        Assert.Equal(agreed, File.ReadLines(kept).Select(line => JsonNode.Parse(line)!["id"]!.GetValue<string>()));
        Assert.Equal((24, 24 - agreed.Count()), (filtered.GetProperty("pairs").GetInt32(), filtered.GetProperty("reversed").GetInt32()));

        var fit = Cli.Run("fit", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", pairs, "--k", "2", "--hidden-units", "8", "--epochs", "2", "--no-cache", "--output", _folder.File("next.safetensors"), "--json").Json();
        Assert.Equal("trl-explicit", fit.GetProperty("format").GetString());
        CheckByTrl(pairs, ["prompt", "chosen", "rejected"]);
        CheckByTrl(best, ["prompt", "completion"]);
    }

    private static void CheckByTrl(string path, string[] columns)
    {
        string wheels = Path.Combine(SharedData.Root, "..", "shared", "wheels");
        if (!Directory.Exists(wheels) || Directory.GetFiles(wheels, "trl-*.whl") is not [var wheel]) return;
        var (code, said) = Tool.Run(Tool.Find("python3", "TRL's own check of the rows stays untried"), "-c", Trl, wheel, path);
        Assert.True(code == 0, said);
        string[] rendered = said.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(File.ReadLines(path).Count(), rendered.Length);
        foreach (string row in rendered) Assert.Equal(columns.Order(), JsonNode.Parse(row)!.AsObject().Select(field => field.Key).Order());
    }

    [Fact]
    public void Nothing_half_written_is_left_and_what_is_there_is_not_written_over()
    {
        string scored = _folder.File("scored.jsonl"), output = _folder.File("pairs.jsonl");
        File.WriteAllLines(scored, [.. Enumerable.Range(0, 200).Select(i => $$"""{"prompt": "{{i}}", "responses": ["x", "y"], "scores": [0, {{i + 1}}]}"""), "{\"prompt\": 1}"]);
        Cli.Run("make-pairs", "--input", scored, "--output", output).Failed(1, "scored.jsonl, line 201", "fix the line");
        Assert.Equal(["scored.jsonl"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
        File.WriteAllLines(scored, File.ReadAllLines(scored)[..200]);
        Cli.Run(new CliInput { FileBlocks = 4 }, "make-pairs", "--input", scored, "--output", output).Failed(1, "pairs.jsonl", "cannot be written");
        Assert.Equal(["scored.jsonl"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
        // Through pipes, and the summary beside the rows.
        var piped = Cli.Run(new CliInput { StandardInput = File.ReadAllBytes(scored) }, "make-pairs", "--input", "-", "--json");
        Assert.Equal(200, piped.JsonLines().Length);
        Assert.Equal(200, JsonDocument.Parse(piped.Error).RootElement.GetProperty("pairs").GetInt32());
        File.WriteAllText(output, "{\"prompt\": \"mine\"}\n");
        Cli.Run("make-pairs", "--input", scored, "--output", output).Failed(1, "pairs.jsonl", "not written over");
        Cli.Run("make-pairs", "--input", scored, "--output", scored).Failed(2, "--output and --input", "same file");
        Cli.Run("filter", "--model", "m", "--reward", "r", "--data", "d", "--min-margin", "2", "--max-margin", "1").Failed(2, "--max-margin", "--min-margin");
        Cli.Run("filter", "--model", FittedReward.Model, "--reward", reward.Path, "--data", FittedReward.Test, "--max-doubt", "1").Failed(2, "--max-doubt", "one head");
    }
}
