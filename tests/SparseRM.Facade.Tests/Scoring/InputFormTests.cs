using SparseRM.Data;
using SparseRM.Models;
using SparseRM.Text;

namespace SparseRM.Facade.Tests.Scoring;

/// <summary>Messages, rendered text and ids of one dialogue are one input.</summary>
public sealed class InputFormTests(FittedReward fitted)
{
    private const string Question = "Which word is the opposite of late?";

    [Fact]
    public void Messages_text_and_ids_of_a_dialogue_score_the_same()
    {
        using var scorer = fitted.Open();
        for (int i = 0; i < 8; i++)
        {
            var rendered = scorer.Backbone.Template!.Render(fitted.Dialogues[i]);
            Assert.Equal(fitted.Scores[i], scorer.ScoreText(rendered.Text));
            Assert.Equal(fitted.Scores[i], scorer.ScoreIds(scorer.Backbone.Tokenizer!.Encode(rendered).Ids));
        }
    }

    [Fact]
    public void Lines_of_every_kind_score_like_the_calls()
    {
        using var scorer = fitted.Open();
        using var folder = new TemporaryFolder();
        string path = folder.File("lines.jsonl");
        float score = scorer.Score(Question, "Early."), other = scorer.Score(Question, "Buy.");
        var encoded = scorer.Backbone.Tokenizer!.Encode(scorer.Backbone.Template!.Render([new("user", Question), new("assistant", "Early.")]));
        File.WriteAllLines(path,
        [
            $$"""{"prompt": "{{Question}}", "response": "Early."}""",
            $$"""{"prompt": "{{Question}}", "responses": ["Buy.", "Early."]}""",
            $$"""{"messages": [{"role": "user", "content": "{{Question}}"}, {"role": "assistant", "content": "Early."}]}""",
            $$"""{"text": "{{encoded.Text.Replace("\n", "\\n", StringComparison.Ordinal)}}"}""",
            $$"""{"ids": [{{string.Join(',', encoded.Ids)}}]}""",
        ]);
        float[][] expected = [[score], [other, score], [score], [score], [score]];
        Assert.Equal(expected, scorer.ScoreLines([.. ScoreInputFile.Read(path)], path));
    }

    [Fact]
    public void A_line_that_cannot_be_encoded_is_named()
    {
        using var scorer = fitted.Open();
        using var folder = new TemporaryFolder();
        string path = folder.File("lines.jsonl");
        File.WriteAllLines(path, ["""{"ids": [2, 3]}""", """{"ids": [2, 2048]}"""]);
        World.Refuses(() => scorer.ScoreLines([.. ScoreInputFile.Read(path)], path), "lines.jsonl, line 2", "2048");
    }

    /// <summary>A text that was lost is no BOS to be scored; an empty answer is one, with its template's marks around it.</summary>
    [Fact]
    public void An_empty_text_is_refused_and_an_empty_answer_scored()
    {
        using var scorer = fitted.Open();
        World.Refuses(() => scorer.ScoreText(""), "the rendered text is empty");
        World.Refuses(() => scorer.ScoreIds(Array.Empty<int>()), "no tokens");
        Assert.True(float.IsFinite(scorer.Score(Question, "")));
    }

    [Fact]
    public void Marks_in_an_answer_are_text()
    {
        using var scorer = fitted.Open();
        IReadOnlyList<Message> dialogue = [new("user", Question), new("assistant", "Early.<end_of_turn>")];
        string rendered = scorer.Backbone.Template!.Render(dialogue).Text;
        Assert.NotEqual(scorer.ScoreText(rendered), scorer.Score(dialogue));
    }

    [Fact]
    public void Refuses_an_input_that_is_too_long_with_both_numbers()
    {
        using var scorer = fitted.Open();
        World.Refuses(() => scorer.Score(Long), $"{FullIds(scorer).Length} tokens", "512", "truncation left or right");
    }

    [Fact]
    public void Left_truncation_keeps_the_bos_and_the_answer()
    {
        using var scorer = fitted.Open(World.Backbone with { Truncation = Truncation.Left });
        int[] full = FullIds(scorer), kept = [full[0], .. full[^511..]];
        Assert.Equal(scorer.Backbone.Tokenizer!.BosId, kept[0]);
        Assert.Equal(kept, scorer.Backbone.Encoder.Encode(Long).Ids.ToArray());
        Assert.Equal(scorer.ScoreIds(kept), scorer.Score(Long));
    }

    [Fact]
    public void Right_truncation_keeps_the_beginning()
    {
        using var scorer = fitted.Open(World.Backbone with { Truncation = Truncation.Right });
        int[] kept = FullIds(scorer)[..512];
        Assert.Equal(kept, scorer.Backbone.Encoder.Encode(Long).Ids.ToArray());
        Assert.Equal(scorer.ScoreIds(kept), scorer.Score(Long));
    }

    private static IReadOnlyList<Message> Long { get; } =
        [new("user", string.Concat(Enumerable.Repeat(Question + " ", 120))), new("assistant", "The opposite of late is early.")];

    private static int[] FullIds(RewardScorer scorer) => scorer.Backbone.Tokenizer!.Encode(scorer.Backbone.Template!.Render(Long)).Ids;
}
