using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary>Where one command meets another, a file or a shell.</summary>
public sealed class SeamTests(FittedReward reward)
{
    private const string Line = "{\"ids\": [2, 7, 9]}";

    private static string[] Activations(string output) => ["activations", "--model", FittedReward.Model, "--layers", "3,4", "--input", "-", "--output", output];

    [Fact]
    public void Encode_reads_what_activations_writes_and_inspect_knows_both()
    {
        using var folder = new TemporaryFolder();
        string states = folder.File("states"), acts = folder.File("acts.bin"), one = folder.File("one");
        Cli.Run(CliInput.Text($"{Line}\n{Line}"), Activations(states)).Succeeded();
        var known = Cli.Run("inspect", states, "--json").Json();
        Assert.Equal(("states", 4), (known.GetProperty("kind").GetString(), known.GetProperty("tensors").GetInt32()));
        Cli.Run("encode", "--sae", FittedReward.Sae, "--input", states, "--output", acts).Succeeded();
        known = Cli.Run("inspect", acts, "--json").Json();
        Assert.Equal(("activations", 8), (known.GetProperty("kind").GetString(), known.GetProperty("tensors").GetInt32()));
        Assert.Contains(known.GetProperty("tensor_shapes").EnumerateArray(), shape => shape.GetString() == "block.4.resid_post.1.feature_acts F32 [3, 2048]");
        Cli.Run("encode", "--sae", FittedReward.Sae, "--input", states, "--output", one, "--tensor", "block.4.resid_post.0").Succeeded();
        Assert.Equal(2, Cli.Run("inspect", one, "--json").Json().GetProperty("tensors").GetInt32());
        Cli.Run("encode", "--sae", FittedReward.Sae, "--input", states, "--output", one, "--tensor", "x").Failed(1, "\"x\"", "block.3.resid_post.0");
    }

    [Fact]
    public void A_dash_is_standard_output_for_a_binary_file_too()
    {
        Assert.SkipUnless(File.Exists("/bin/sh"), "needs sh");
        using var folder = new TemporaryFolder();
        string states = folder.File("states");
        Cli.Run(CliInput.Text(Line), Activations(states)).Succeeded();
        File.WriteAllText(folder.File("in"), Line);
        Shell.Run($"activations --model '{FittedReward.Model}' --layers 3,4 --input '{folder.File("in")}' --output - > '{folder.File("out")}'").Succeeded();
        Assert.Equal(File.ReadAllBytes(states), File.ReadAllBytes(folder.File("out")));
    }

    [Fact]
    public void An_output_that_is_an_input_or_another_kind_of_file_is_refused()
    {
        using var folder = new TemporaryFolder();
        string lines = folder.File("lines.jsonl");
        File.WriteAllText(lines, Line);
        string[] score = ["score", "--model", FittedReward.Model, "--reward", reward.Path, "--input", lines, "--output"];
        Cli.Run([.. score, lines]).Failed(2, "--input", lines);
        Cli.Run([.. score, reward.Path]).Failed(2, "--reward", reward.Path);
        File.WriteAllText(folder.File("notes.txt"), "mine");
        foreach (string[] command in new string[][] { score, [.. Activations("")[..^1]], ["encode", "--sae", FittedReward.Sae, "--input", reward.Path, "--output"],
            ["tokenize", "--model", FittedReward.Model, "--input", lines, "--output"], ["combine", "--component", $"a={reward.Path}", "--output"] })
            Cli.Run([.. command, folder.File("notes.txt")]).Failed(1, "notes.txt", "not written over");
        Assert.Equal("mine", File.ReadAllText(folder.File("notes.txt")));
    }

    [Fact]
    public void Things_in_each_others_place_are_recognised()
    {
        using var folder = new TemporaryFolder();
        Cli.Run("fit", "--model", FittedReward.Sae, "--sae", FittedReward.Model, "--data", FittedReward.Train, "--output", folder.File("r")).Failed(2, "--model", "--sae", "swapped");
        Cli.Run("score", "--model", FittedReward.Model, "--reward", FittedReward.Sae, "--input", FittedReward.Train).Failed(2, "--reward", "is an SAE");
        Cli.Run("encode", "--sae", reward.Path, "--input", reward.Path, "--output", folder.File("r")).Failed(2, "--sae", "is a reward file");
    }

    [Fact]
    public void A_reward_file_is_known_by_its_content()
    {
        using var folder = new TemporaryFolder();
        foreach (string name in new[] { "reward", "sae.safetensors" })
        {
            File.Copy(reward.Path, folder.File(name));
            Assert.Equal("reward", Cli.Run("inspect", folder.File(name), "--json").Json().GetProperty("kind").GetString());
        }
        File.WriteAllText(folder.File("notes.txt"), "mine");
        Cli.Run("inspect", folder.File("notes.txt")).Failed(1, "notes.txt", "looked for", "model_type", "params.npz", "reward file", "states");
    }

    [Fact]
    public void A_wrong_known_answer_is_found_when_the_file_is_opened()
    {
        using var folder = new TemporaryFolder();
        // The checksum covers the file, so that only its owner's own writer can make one whose answers are wrong.
        var model = Scoring.RewardModelFile.Load(reward.Path);
        var component = model.Components[0];
        var items = component.Probe!.Items.Select(item => item with { Scores = [.. item.Scores.Select(score => score + 1)] }).ToArray();
        Scoring.RewardModelFile.Save(folder.File("r.safetensors"), new([component.With(new Scoring.RewardProbe(component.Probe.Arithmetic, items))]));
        Cli.Run(CliInput.Text(Line), "score", "--model", FittedReward.Model, "--reward", folder.File("r.safetensors"), "--input", "-", "--json")
            .FailedInJson(1, "mismatch", "known answer 1", component.Probe.Items[0].Scores[0].ToString("R", System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Errors_are_JSON_where_JSON_was_asked_for()
    {
        Cli.Run("inspect", "/nowhere/at-all", "--json").FailedInJson(1, "model", "/nowhere/at-all");
        Cli.Run("doctor", "--json", "--none").FailedInJson(2, "usage", "--none");
    }

    [Theory]
    [InlineData("score --model M --reward R --input -")]
    [InlineData("tokenize --model M --input -")]
    [InlineData("encode --sae S --input - --output /dev/null")]
    [InlineData("evaluate --model M --reward R --data -")]
    public void A_standard_input_that_is_closed_is_told(string line)
    {
        Assert.SkipUnless(File.Exists("/bin/sh"), "needs sh");
        line = line.Replace(" M", $" '{FittedReward.Model}'").Replace(" R", $" '{reward.Path}'").Replace(" S", $" '{FittedReward.Sae}'");
        Shell.Run($"{line} <&-").Failed(1, "standard input is closed");
    }

    [Theory]
    [InlineData("score")]
    [InlineData("tokenize")]
    public void An_output_whose_name_is_as_long_as_a_name_may_be(string command)
    {
        using var folder = new TemporaryFolder();
        string output = folder.File(new string('ä', 127)), text = "{\"text\": \"a\"}";
        string[] more = command == "score" ? ["--reward", reward.Path] : [];
        Cli.Run(CliInput.Text(text), [command, "--model", FittedReward.Model, .. more, "--input", "-", "--output", output]).Succeeded();
        Assert.Equal([output], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_field_that_the_template_never_reads_is_told_once()
    {
        const string Named = """{"messages": [{"role": "user", "content": "Hi", "name": "Ann"}, {"role": "assistant", "content": "Hello."}]}""";
        var result = Cli.Run(CliInput.Text($"{Named}\n{Named}"), "score", "--model", FittedReward.Model, "--reward", reward.Path, "--input", "-");
        Assert.Equal(2, result.JsonLines().Length);
        Assert.Equal("note: fields of messages that the chat template never reads, so that they change no score: name\n", result.Error);
    }

    [Fact]
    public void Hints_name_the_flags_of_the_command_line() =>
        Cli.Run(CliInput.Text($"{{\"ids\": [{string.Join(", ", Enumerable.Repeat(7, 600))}]}}"), Activations("-")).Failed(1, "--truncate left or right");
}
