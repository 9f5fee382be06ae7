namespace SparseRM.Cli.Tests;

/// <summary>Which backend ran is said to people and to programs, and not among the data of a pipe.</summary>
public sealed class BackendTests(FittedReward reward)
{
    [Fact]
    public void Auto_says_on_a_terminal_which_backend_it_took()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("lines.jsonl"), "{\"ids\": [2, 7]}");
        string score = $"score --model '{FittedReward.Model}' --reward '{reward.Path}' --input '{folder.File("lines.jsonl")}' --threads 1";
        string activations = $"activations --model '{FittedReward.Model}' --layers 0 --backend auto"
            + $" --input '{folder.File("lines.jsonl")}' --output '{folder.File("x.safetensors")}'";
        Assert.Contains("backend: cpu", Shell.OnTerminal(score).Succeeded());
        Assert.Contains("backend: cpu", Shell.OnTerminal(activations).Succeeded());
        // Who names a backend knows it, and who redirects messages wants only what is wrong.
        Assert.DoesNotContain("backend:", Shell.OnTerminal($"{score} --backend cpu").Succeeded());
        Assert.DoesNotContain("backend:", Shell.OnTerminal($"{score} 2>'{folder.File("messages")}'").Succeeded());
        Assert.Equal("", File.ReadAllText(folder.File("messages")));
    }

    [Fact]
    public void Json_has_the_backend()
    {
        Assert.StartsWith("cpu", reward.Fit.Json().GetProperty("backend").GetString());
        var json = Cli.Run("evaluate", "--model", FittedReward.Model, "--reward", reward.Path, "--data", FittedReward.Test, "--pairs", "4",
            "--backend", "reference", "--json").Json();
        Assert.StartsWith("reference", json.GetProperty("backend").GetString());
    }

    [Fact]
    public void Ilgpu_kernels_score_as_the_processor_does()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("lines.jsonl"), "{\"ids\": [2, 7, 9, 11, 5]}\n{\"ids\": [2, 7, 8]}\n");
        float[] cpu = Scores("cpu"), ilgpu = Scores("ilgpu:cpu");
        Assert.Equal(2, cpu.Length);
        for (int i = 0; i < cpu.Length; i++) Assert.Equal(cpu[i], ilgpu[i], 1e-4f);
        Assert.NotEqual(cpu[0], cpu[1], 1e-2f);

        float[] Scores(string backend)
        {
            var run = Cli.Run(
                "score", "--model", FittedReward.Model, "--reward", reward.Path, "--input", folder.File("lines.jsonl"), "--backend", backend, "--dtype", "f32");
            return [.. run.Succeeded().Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("score").GetSingle())];
        }
    }

    [Theory]
    [InlineData("ilgpu:cuda:7", 1, "ilgpu:cuda:7: looked for CUDA device 7 of the driver (libcuda.so.1 and libcuda.so); found ")]
    [InlineData("ilgpu:opencl:7", 1, "ilgpu:opencl:7: looked for OpenCL device 7")]
    [InlineData("ilgpu:tpu", 1, "ilgpu:tpu: is no name of an ILGPU device; write ilgpu:cpu, ilgpu:cuda:0 or ilgpu:opencl:0")]
    [InlineData("ilgpu", 1, "ilgpu: is no name of an ILGPU device; write ilgpu:cpu, ilgpu:cuda:0 or ilgpu:opencl:0")]
    [InlineData("cpu:1", 2, "--backend: 'cpu:1' is not one of auto, cpu, reference, cuda:0, ilgpu:cpu")]
    public void A_device_that_is_not_there_is_one_sentence(string backend, int exitCode, string sentence) =>
        Cli.Run("demo", "--backend", backend).Failed(exitCode, sentence);
}
