using SparseRM.Data;
using SparseRM.Fitting;
using SparseRM.Research.Robustness;

namespace SparseRM.Research.Tests;

public sealed class RobustnessTests(World world)
{
    private static readonly RobustnessOptions s_options = new()
    {
        K = 4, Draws = 1, Losses = [PreferenceLossKind.Margin, PreferenceLossKind.Bce], Training = World.Training with { MaxEpochs = 4 }, Triggers = ["Trust me."],
    };

    [Fact]
    public void Every_condition_stands_beside_the_pairs_as_they_are_for_every_loss()
    {
        var test = World.Pairs("test", 40);
        var words = test with { Path = "words", Items = [.. test.Items.Select(item => item with { Prompt = [item.Prompt[0] with { Content = "Please tell me: " + item.Prompt[0].Content }] })] };
        var table = RobustnessStudy.Run(world.Trainer, World.Pairs("train", 120), test, new RobustnessData(World.Pairs("shift", 20), [World.Pairs("train", 30) with { Path = "other.jsonl" }], words), s_options);
        Assert.All(table.Rows, row => Assert.InRange(row.Accuracy.Value, row.Accuracy.Low, row.Accuracy.High));
        Assert.All(table.Rows, row => Assert.Equal(row.Study == "as it is", row.Change is null));
        Assert.Equal(table.Rows.Count(row => row.Loss == "margin"), table.Rows.Count(row => row.Loss == "bce"));
        string[] studies = [.. table.Rows.Select(row => row.Study).Distinct()];
        Assert.Equal("as it is|label noise|damaged pairs|poisoned pairs|learned elsewhere|pairs left out|left out of 20 % noise", string.Join('|', studies.Where(study => study != "length bias")));
        Assert.Contains(table.Rows, row => row is { TestedOn: "shift", Study: "as it is" });
        // A tenth of the pairs, nine times more.
        Assert.Equal(120 + (9 * 12), table.Rows.First(row => row.Condition.StartsWith("a tenth")).TrainingPairs);
        Assert.Equal(96, table.Rows.First(row => row is { Study: "pairs left out", Share: 0.2 }).TrainingPairs);
        Assert.Equal("truncated|exclamation marks after it|a friendly ending|a hedge before it|bold type|\"Trust me.\" after it|paraphrases", string.Join('|', table.Stability.Select(row => row.Change)));
        Assert.Null(table.Stability[^1].Gained);
        Assert.All(table.Stability, row => Assert.InRange(row.Directions.Count, 1, 5));
        Assert.Equal(20, table.Suspects.Count);
        Assert.True(table.Suspects[0].Probability <= table.Suspects[^1].Probability);
        Assert.EndsWith(".", table.Summary);
    }

    [Fact]
    public void The_table_is_the_same_on_any_number_of_threads()
    {
        RobustnessTable Run(int threads) => RobustnessStudy.Run(world.Trainer, World.Pairs("train", 40), World.Pairs("test", 20), new RobustnessData(null, [], null),
            s_options with { Losses = [PreferenceLossKind.Margin], Training = s_options.Training with { Threads = threads, MaxEpochs = 2 } });
        RobustnessTable one = Run(1), two = Run(2);
        Assert.Equal(one.Rows, two.Rows);
        Assert.Equal(one.Suspects, two.Suspects);
        Assert.Equal(one.Findings, two.Findings);
        Assert.Equal(one.Stability.Select(row => (row.Change, row.Flipped, row.Gained, row.Shift)), two.Stability.Select(row => (row.Change, row.Flipped, row.Gained, row.Shift)));
    }

    [Fact]
    public void A_stopped_study_goes_on_from_its_file_with_the_same_table()
    {
        using var folder = new TemporaryFolder();
        string whole = folder.File("whole.jsonl"), stopped = folder.File("stopped.jsonl");
        int known = -1;
        RobustnessTable Run(string path, int threads = 2, long seed = 1) => RobustnessStudy.Run(world.Trainer, World.Pairs("train", 40), World.Pairs("test", 20), new RobustnessData(null, [], null),
            s_options with { Training = s_options.Training with { Threads = threads, MaxEpochs = 2, Seed = seed } }, study =>
            {
                var log = ConditionLog.Open(path, study);
                known = log.Count;
                return log;
            });
        var table = Run(whole, threads: 1);
        string[] lines = File.ReadAllLines(whole);
        Assert.Equal((0, 1 + (table.Rows.Select(row => (row.Study, row.Condition, row.Share, row.Loss)).Distinct().Count())), (known, lines.Length));
        // Eight whole fits, and half a line of the ninth.
        File.WriteAllText(stopped, string.Join('\n', lines[..9]) + '\n' + lines[9][..20]);
        Assert.Equal(table.Rows, Run(stopped).Rows);
        Assert.Equal(8, known);
        Assert.Equal(File.ReadAllText(whole), File.ReadAllText(stopped));
        // What is known is taken from the file: a pair that is called wrong there is wrong.
        int list = lines[1].IndexOf("[\"", StringComparison.Ordinal);
        File.WriteAllText(stopped, File.ReadAllText(whole).Replace(lines[1], lines[1][..list] + lines[1][list..].Replace('1', '0')));
        Assert.NotEqual(table.Rows, Run(stopped).Rows);
        World.Refuses(() => Run(whole, seed: 2), "whole.jsonl, line 1", "study of robustness", "name another output");
        File.AppendAllText(whole, "{}\n");
        World.Refuses(() => Run(whole), $"whole.jsonl, line {lines.Length + 1}", "not a fit of a study");
    }

    [Fact]
    public void Exchanged_pairs_are_found_by_heads_that_had_not_seen_them()
    {
        var table = RobustnessStudy.Run(world.Trainer, World.Pairs("train", 200), World.Pairs("test", 20), new RobustnessData(null, [], null),
            s_options with { K = 8, Losses = [PreferenceLossKind.Bce], Training = World.Training });
        Assert.True(table.Findings[0].Auroc > 0.85, $"{table.Findings[0]}");
        Assert.True(table.Findings[0].Found > 0.5, $"{table.Findings[0]}");
    }

    [Fact]
    public void The_area_under_the_curve_is_the_chance_of_the_right_order()
    {
        Assert.Equal(1, Auroc.Of([1, 2, 3, 4], [true, true, false, false]));
        Assert.Equal(1 / 3.0, Auroc.Of([3, 2, 4, 1], [true, false, false, false]), 12);
        Assert.Equal(0.5, Auroc.Of([1, 1, 1], [true, false, false]));
    }

    [Fact]
    public void An_answer_is_cut_after_half_of_its_words_and_never_within_a_character()
    {
        string Cut(string text) => AnswerChange.Truncated.Apply(PreferenceItem.Of("Q", text, "b c")).Chosen[0][0].Content!;
        Assert.Equal("one two", Cut("one two three four"));
        Assert.Equal("on", Cut("only"));
        Assert.Equal("x", Cut("x"));
        Assert.Equal("\U0001F600", Cut("\U0001F600"));
    }

    [Fact]
    public void Refuses_paraphrases_of_other_items()
    {
        PreferenceSet test = World.Pairs("test", 5), train = World.Pairs("train", 20);
        void Run(PreferenceSet? tested, PreferenceSet words) => RobustnessStudy.Run(world.Trainer, train, tested, new RobustnessData(null, [], words), s_options);
        World.Refuses(() => Run(test, World.Pairs("test", 4)), "4 items", "has 5", "same order");
        World.Refuses(() => Run(null, test), "paraphrases", "test pairs");
        World.Refuses(() => Run(test with { Items = [.. test.Items.Select(item => item with { Id = "a" })] }, test with { Items = [.. test.Items.Select(item => item with { Id = "b" })] }), "the id is 'b'", "'a'");
    }
}
