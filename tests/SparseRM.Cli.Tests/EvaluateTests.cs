namespace SparseRM.Cli.Tests;

public sealed class EvaluateTests(FittedReward reward)
{
    [Fact]
    public void Counts_pairs_with_an_interval_and_by_subset()
    {
        var json = Cli.Run("evaluate", "--model", FittedReward.Model, "--reward", reward.Path, "--data", FittedReward.Test, "--json").Json();
        double accuracy = json.GetProperty("accuracy").GetDouble();
        Assert.InRange(accuracy, 0.93, 1);
        Assert.Equal(400, json.GetProperty("pairs").GetInt32());
        Assert.Equal(accuracy, json.GetProperty("correct").GetInt32() / 400.0, 12);
        var (low, high) = (json.GetProperty("interval")[0].GetDouble(), json.GetProperty("interval")[1].GetDouble());
        Assert.True(low < accuracy && accuracy < high && high - low < 0.06);
        Assert.Equal(System.Text.Json.JsonValueKind.Object, json.GetProperty("by").ValueKind);
    }

    [Fact]
    public void Prints_a_table_for_people()
    {
        string table = Cli.Run("evaluate", "--model", FittedReward.Model, "--reward", reward.Path, "--data", FittedReward.Test, "--pairs", "20").Succeeded();
        Assert.Contains("95 % interval", table);
        Assert.DoesNotContain('\u001b', table);
    }

    [Fact]
    public void Folds_need_no_reward_file_but_take_its_settings_where_there_is_one()
    {
        string[] common = ["evaluate", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", FittedReward.Train, "--pairs", "60", "--folds", "3",
            "--group", "prompt", "--cache", reward.Cache, "--json"];
        var asked = Cli.Run([.. common, "--k", "8"]).Json();
        var kept = Cli.Run([.. common, "--reward", reward.Path]).Json();
        Assert.Equal(3, asked.GetProperty("folds").GetArrayLength());
        Assert.Equal(60, asked.GetProperty("pairs").GetInt32());
        Assert.InRange(asked.GetProperty("accuracy").GetDouble(), 0.8, 1);
        Assert.Equal(asked.GetProperty("accuracy").GetDouble(), kept.GetProperty("accuracy").GetDouble());
    }

    [Fact]
    public void Usage_that_the_command_line_alone_shows_wrong_is_exit_code_2()
    {
        Cli.Run("evaluate", "--model", "m", "--data", "d").Failed(2, "--reward is needed");
        Cli.Run("evaluate", "--model", "m", "--data", "d", "--reward", "r", "--k", "3").Failed(2, "--k", "--folds");
        Cli.Run("evaluate", "--model", "m", "--data", "d", "--reward", "r", "--cache", "c").Failed(2, "--cache", "--folds");
        Cli.Run("evaluate", "--model", "m", "--data", "d", "--reward", "r", "--no-cache").Failed(2, "--no-cache", "--folds");
        Cli.Run("evaluate", "--model", "m", "--data", "d", "--folds", "1").Failed(2, "--folds", "'1'");
    }

    [Fact]
    public void A_real_model_learns_something_of_truthfulness()
    {
        string data = SharedData.Shared("preferences", "truthfulqa", "v1_TruthfulQA.csv");
        using var folder = new TemporaryFolder();
        var json = Cli.Run("evaluate", "--model", SharedData.Shared("models", "stories260k"), "--data", data, "--input", "dense", "--layer", "3",
            "--loss", "bradley-terry", "--chat-template", "none", "--folds", "5", "--group", "prompt", "--no-cache", "--json").Json();
        // The data's README gives 67 to 75 %. Here the held-out part also chooses the epoch, which flatters: seeds 1 to 4 give 75.1 to 77.1 %, and
        // another order of sums in one kernel moves each by half a point.
        Assert.InRange(json.GetProperty("accuracy").GetDouble(), 0.67, 0.79);
    }
}
