using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Data;

public sealed class PreferenceFormatTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Reads_trl_explicit_texts_with_their_leading_space_and_unknown_columns()
    {
        PreferenceSet set = Lines("trl-explicit", """{"prompt":"The sky is","chosen":" blue.","rejected":" green.","margin":0.5,"task":"t","kind":"k","id":7}""");
        PreferenceItem item = Assert.Single(set.Items);
        Assert.Equal([new Message("user", "The sky is")], item.Prompt);
        Assert.Equal([new Message("assistant", " blue.")], Assert.Single(item.Chosen));
        Assert.Equal([new Message("assistant", " green.")], Assert.Single(item.Rejected));
        Assert.Equal(("k", "7", 1L), (item.Subset, item.Id, item.Line));
    }

    [Fact]
    public void Reads_trl_explicit_message_lists()
    {
        PreferenceItem item = Lines("trl-explicit",
            """{"prompt":[{"role":"system","content":"s"},{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b","name":"x"}]}""").Items[0];
        Assert.Equal([new Message("system", "s"), new Message("user", "q")], item.Prompt);
        Assert.Equal("a", item.Chosen[0][0].Content);
        Assert.Equal("b", item.Rejected[0][0].Content);
    }

    [Fact]
    public void Takes_dialogues_that_repeat_a_text_prompt_as_whole_ones()
    {
        PreferenceItem item = Lines("trl-explicit",
            """{"prompt":"q","prompt_id":"p1","chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]}""").Items[0];
        Assert.Equal([new Message("user", "q")], item.Prompt);
        Assert.Equal([new Message("assistant", "a")], item.Chosen[0]);
        Assert.Equal("p1", item.Id);
    }

    [Theory]
    [InlineData("The sky is blue.", "The sky is green.", "The sky is", " blue.", " green.")]
    [InlineData("ab", "abc", "a", "b", "bc")]
    public void Reads_trl_implicit_texts_split_at_their_common_prefix(string chosen, string rejected, string prompt, string good, string bad)
    {
        PreferenceItem item = Implicit($$"""{"chosen":"{{chosen}}","rejected":"{{rejected}}"}""");
        Assert.Equal([new Message("user", prompt)], item.Prompt);
        Assert.Equal((good, bad), (item.Chosen[0][0].Content, item.Rejected[0][0].Content));
    }

    [Fact]
    public void Trl_implicit_texts_without_a_common_prefix_have_no_prompt()
        => Assert.Empty(Implicit("""{"chosen":"yes","rejected":"no"}""").Prompt);

    [Theory]
    [InlineData("""{"chosen":"The sky is blue.","rejected":"The sky is green."}""")]
    [InlineData("""{"Q":"Which sky?","chosen":"The sky is blue.","rejected":"The sky is green."}""")]
    [InlineData("""{"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]}""")]
    [InlineData("""{"chosen":[{"role":"system","content":"s"},{"role":"user","content":"p"},{"role":"assistant","content":"a"}],"rejected":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"b"}]}""")]
    public void Answers_without_a_prompt_or_a_shared_user_turn_are_refused_unless_the_format_is_named(string line)
    {
        var error = Assert.Throws<DataFormatException>(() => PreferenceFile.Read(_folder.File("pairs.jsonl", line)));
        Assert.Contains("has no column that is known to hold the prompt", error.Message);
        Assert.Contains("option columns (prompt=NAME)", error.Message);
    }

    [Fact]
    public void Trl_implicit_never_splits_a_surrogate_pair()
    {
        // U+1F600 and U+1F601 share their high surrogate.
        PreferenceItem item = Implicit("""{"chosen":"a\ud83d\ude00","rejected":"a\ud83d\ude01"}""");
        Assert.Equal("a", item.Prompt[0].Content);
        Assert.Equal("\U0001F600", item.Chosen[0][0].Content);
    }

    [Fact]
    public void Reads_trl_implicit_dialogues()
    {
        PreferenceItem item = Lines("trl-implicit",
            """{"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}],"source":"s"}""").Items[0];
        Assert.Equal([new Message("user", "q")], item.Prompt);
        Assert.Equal([new Message("assistant", "b")], item.Rejected[0]);
    }

    [Fact]
    public void Gathers_trl_unpaired_rows_of_one_prompt()
    {
        PreferenceSet set = Lines("trl-unpaired",
            """{"prompt":"p","completion":"a","label":true}""", """{"prompt":"q","completion":"x","label":0}""",
            """{"prompt":"p","completion":"b","label":false}""", """{"prompt":"q","completion":"y","label":"True"}""",
            """{"prompt":"p","completion":"c","label":false}""");
        Assert.Equal(2, set.Items.Count);
        Assert.Equal(["b", "c"], set.Items[0].Rejected.Select(answer => answer[0].Content));
        Assert.Equal("y", set.Items[1].Chosen[0][0].Content);
        Assert.Equal("x", Assert.Single(set.Items[1].Rejected)[0].Content);
    }

    [Fact]
    public void Refuses_trl_unpaired_prompts_that_have_one_side_only()
    {
        var error = Assert.Throws<DataFormatException>(() => Lines("trl-unpaired",
            """{"prompt":"p","completion":"a","label":true}""", """{"prompt":"p","completion":"b","label":false}""",
            """{"prompt":"q","completion":"a","label":true}"""));
        Assert.Equal(3, error.Line);
        Assert.Contains("no rejected answer belongs to this prompt (trl-unpaired", error.Message);
    }

    [Fact]
    public void Reads_hh_rlhf_turns_on_the_exact_marks()
    {
        PreferenceItem item = Lines("hh-rlhf",
            """{"chosen":"\n\nHuman: hi\n\nHuman again: no mark\n\nAssistant: hey\n\nHuman: q\n\nAssistant: a\n\n1. b","rejected":"\n\nHuman: hi\n\nHuman again: no mark\n\nAssistant: hey\n\nHuman: q\n\nAssistant: c"}""").Items[0];
        Assert.Equal(
            [new Message("user", "hi\n\nHuman again: no mark"), new Message("assistant", "hey"), new Message("user", "q")], item.Prompt);
        Assert.Equal([new Message("assistant", "a\n\n1. b")], item.Chosen[0]);
        Assert.Equal([new Message("assistant", "c")], item.Rejected[0]);
    }

    [Theory]
    [InlineData("""{"chosen":"q","rejected":"\n\nHuman: q\n\nAssistant: a"}""", "field 'chosen' does not begin with")]
    [InlineData("""{"chosen":"Human: q","rejected":"\n\nHuman: q\n\nAssistant: a"}""", "field 'chosen' does not end with an assistant turn")]
    [InlineData("""{"chosen":"Human: q\nAssistant: b","rejected":"\n\nHuman: q\n\nAssistant: a"}""", "field 'chosen' has an 'Assistant:' that does not follow an empty line")]
    [InlineData("""{"chosen":"\n\nHuman: q\n\nAssistant: a\n\nHuman: r","rejected":"\n\nHuman: q\n\nAssistant: b"}""", "does not end with an assistant turn")]
    public void Refuses_hh_rlhf_transcripts_of_another_shape(string second, string problem)
    {
        var error = Assert.Throws<DataFormatException>(
            () => Lines("hh-rlhf", """{"chosen":"\n\nHuman: q\n\nAssistant: a","rejected":"\n\nHuman: q\n\nAssistant: b"}""", second));
        Assert.Equal(2, error.Line);
        Assert.Contains(problem, error.Message);
    }

    [Theory]
    [InlineData(PreferenceDimension.Better, "r1", "r0")]
    [InlineData(PreferenceDimension.Safer, "r0", "r1")]
    public void Reads_pku_saferlhf_in_the_dimension_that_was_asked_for(PreferenceDimension dimension, string chosen, string rejected)
    {
        string path = _folder.File("pku.jsonl",
            """{"prompt":"q","response_0":"r0","response_1":"r1","is_response_0_safe":true,"better_response_id":1,"safer_response_id":0,"response_0_harm_category":{"x":false}}""");
        PreferenceSet set = PreferenceFile.Read(path, new() { Dimension = dimension });
        Assert.Equal("pku-saferlhf", set.Format);
        Assert.Equal((chosen, rejected), (set.Items[0].Chosen[0][0].Content, set.Items[0].Rejected[0][0].Content));
    }

    [Fact]
    public void Refuses_a_pku_response_id_other_than_0_and_1()
    {
        var error = Assert.Throws<DataFormatException>(
            () => Lines("pku-saferlhf", """{"prompt":"q","response_0":"r0","response_1":"r1","better_response_id":2}"""));
        Assert.Contains("field 'better_response_id' must be 0 or 1, found the number 2", error.Message);
    }

    [Fact]
    public void Takes_rewardbench_only_where_the_subset_is_its_own()
    {
        Assert.Equal("math-prm", Lines("rewardbench", """{"prompt":"q","chosen":"a","rejected":"b","subset":"math-prm","id":1}""").Items[0].Subset);
        Assert.Equal("mine", Lines("trl-explicit", """{"prompt":"q","chosen":"a","rejected":"b","subset":"mine","id":1}""").Items[0].Subset);
        var error = Assert.Throws<DataFormatException>(() => Lines("rewardbench",
            """{"prompt":"q","chosen":"a","rejected":"b","subset":"math-prm","id":1}""", """{"prompt":"q","chosen":"a","rejected":"b","subset":"mine","id":1}"""));
        Assert.Equal(2, error.Line);
    }

    [Fact]
    public void Reads_rewardbench_2_lists()
    {
        PreferenceItem item = Lines("rewardbench-2",
            """{"prompt":"q","chosen":["a"],"rejected":["b","c","d"],"num_correct":1,"subset":"Focus","id":"x-1"}""").Items[0];
        Assert.Equal(["b", "c", "d"], item.Rejected.Select(answer => answer[0].Content));
        Assert.Equal(("Focus", "x-1"), (item.Subset, item.Id));
    }

    [Fact]
    public void Reads_truthfulqa_csv_with_a_full_stop_after_every_answer()
    {
        string path = _folder.File("t.csv",
            "\uFEFFType,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\r\n" +
            "Adversarial,Law,\"Is it, \"\"really\"\"?\",No,No; Never.,Yes; ; Of course.;,x\r\n");
        PreferenceSet set = PreferenceFile.Read(path);
        Assert.Equal(("truthfulqa-csv", "csv"), (set.Format, set.Container));
        PreferenceItem item = Assert.Single(set.Items);
        Assert.Equal("Is it, \"really\"?", item.Prompt[0].Content);
        Assert.Equal("No.", Assert.Single(item.Chosen)[0].Content);
        Assert.Equal(["Yes.", "Of course."], item.Rejected.Select(answer => answer[0].Content));
        Assert.Equal("Law", item.Subset);
        Assert.Equal(2, item.Line);
    }

    [Theory]
    [InlineData("""{"F1":0,"T":1,"F2":0,"":0}""")]
    [InlineData("""{"choices":["F1","T","F2"],"labels":[0,1,0]}""")]
    public void Reads_both_forms_of_truthfulqa_mc1_targets(string targets)
    {
        PreferenceItem item = Lines("truthfulqa-mc", $$"""{"question":"q","mc1_targets":{{targets}},"mc2_targets":0}""").Items[0];
        Assert.Equal("T", Assert.Single(item.Chosen)[0].Content);
        Assert.Equal(["F1", "F2"], item.Rejected.Select(answer => answer[0].Content));
    }

    [Theory]
    [InlineData("""{"A":1,"B":1}""", "must have one true answer, found 2")]
    [InlineData("""{"A":0}""", "must have one true answer, found 0")]
    [InlineData("""{"choices":["a","b"],"labels":[1]}""", "2 choices and 1 labels")]
    [InlineData("""{"A":1,"B":7}""", "must be true, false, 1 or 0, found the number 7")]
    [InlineData("[1]", "must be an object, found a list")]
    [InlineData("""{"A":1,"\ud800":0}""", "lone surrogate")]
    public void Refuses_other_mc1_targets(string targets, string problem)
    {
        string path = _folder.File("mc.jsonl", $$"""{"mc1_targets":{{targets}},"question":"q"}""");
        Assert.Contains(problem, Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path)).Message);
    }

    private PreferenceItem Implicit(string line) => PreferenceFile.Read(_folder.File("pairs.jsonl", line), new() { Format = "trl-implicit" }).Items[0];

    private PreferenceSet Lines(string format, params string[] lines)
    {
        PreferenceSet set = PreferenceFile.Read(_folder.File("pairs.jsonl", string.Join('\n', lines)));
        Assert.Equal(format, set.Format);
        return set;
    }
}
