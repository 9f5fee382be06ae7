using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Core.Tests.Data;

public sealed class RealDataTests
{
    [Theory]
    [InlineData("v1_TruthfulQA.csv", "truthfulqa-csv", 817, 3370)]
    [InlineData("TruthfulQA.csv", "truthfulqa-csv", 790, 3251)]
    [InlineData("mc_task.json", "truthfulqa-mc", 790, 3250)]
    public void Reads_truthfulqa(string file, string format, int items, int pairs)
    {
        PreferenceSet set = PreferenceFile.Read(SharedData.Shared("preferences", "truthfulqa", file));
        Assert.Equal((format, items, pairs), (set.Format, set.Items.Count, set.Items.Sum(item => item.Chosen.Count * item.Rejected.Count)));
        Assert.All(set.Items, item => Assert.Single(item.Chosen));
    }

    [Fact]
    public void Reads_hh_rlhf_and_names_its_four_empty_answers()
    {
        string path = SharedData.Shared("preferences", "hh-rlhf", "harmless-base.test.jsonl.gz");
        Assert.EndsWith("line 87: the chosen answer is empty", Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path)).Message);
        PreferenceSet set = PreferenceFile.Read(path, new() { SkipBad = true });
        Assert.Equal(("hh-rlhf", 2308, 4L), (set.Format, set.Items.Count, set.Skipped.Count));
        Assert.Equal("ebfaaed21162a4de120ae85366075b34425e2a6303fac59b99555002f7016f03", set.DataHash);
        Assert.All(set.Items, item => Assert.Equal("user", item.Prompt[0].Role));
    }

    [Theory]
    [InlineData("truthfulness", "train", 1000, 15)]
    [InlineData("truthfulness", "shift", 400, 15)]
    [InlineData("safety", "test", 400, 2)]
    [InlineData("red-teaming", "test", 400, 1)]
    public void Reads_miniworld(string task, string part, int pairs, int mostKinds)
    {
        PreferenceSet set = PreferenceFile.Read(SharedData.MiniWorld("pairs", $"{task}.{part}.jsonl"));
        Assert.Equal(("trl-explicit", pairs), (set.Format, set.Items.Count));
        Assert.InRange(set.Items.Select(item => item.Subset).Distinct().Count(), 1, mostKinds);
        Assert.All(set.Items, item => Assert.NotNull(item.Subset));
    }
}
