using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

public class EncodedDialogueTests
{
    [Theory]
    [InlineData("miniworld", "gemma")]
    [InlineData("llama3", "llama3_1")]
    [InlineData("qwen2", "qwen3")]
    [InlineData("llama2", "none")]
    public void The_answers_tokens_are_those_that_hold_its_characters(string tokenizer, string template)
    {
        var model = TokenizerFiles.Named(tokenizer);
        var encoded = model.Encode(ChatTemplate.Named(template,
            model.SpecialTokens).Render([new("user", "Is it 1 or 2?"), new("assistant", "  It is 日本 😀. \n")]));
        string answer = string.Concat(encoded.Ids[encoded.AnswerStart..encoded.AnswerEnd].Select(model.TokenText));
        Assert.Contains("It is", answer);
        Assert.DoesNotContain("2?", answer);
        Assert.DoesNotContain("|", answer);
        Assert.DoesNotContain("turn", answer);
        Assert.True(encoded.AnswerStart > 0 && encoded.AnswerEnd <= encoded.Ids.Length);
    }

    [Fact]
    public void Answer_positions_are_those_counted_by_hand()
    {
        // <bos> <start_of_turn> user \n What ... ? <end_of_turn> \n <start_of_turn> model \n | Three . | <end_of_turn> \n
        var model = TokenizerFiles.Named("miniworld");
        var template = ChatTemplate.FromFolder(SharedData.MiniWorld("model"))!;
        var encoded = model.Encode(template.Render([new("user", "What is six minus three?"), new("assistant", "Three.")]));
        Assert.Equal((15, 17, 19), (encoded.AnswerStart, encoded.AnswerEnd, encoded.Ids.Length));
        Assert.Equal("Three.", model.TokenText(encoded.Ids[15]) + model.TokenText(encoded.Ids[16]));
    }

    [Fact]
    public void A_token_across_the_border_belongs_to_the_answer()
    {
        // "\n\n" after the header and "\n" of the content are tokenized in one piece: 271 is "\n\n", 1432 is "\n\n\n".
        var model = TokenizerFiles.Named("llama3");
        var encoded = model.Encode(ChatTemplate.Parse("t",
            "<|start_header_id|>user<|end_header_id|>\n\n{{ messages[0].content }}<|eot_id|>").Render([new("user", "\nfoo")]));
        Assert.Equal([128000, 128006, 882, 128007, 1432, 8134, 128009], encoded.Ids);
        Assert.Equal((4, 6), (encoded.AnswerStart, encoded.AnswerEnd));
    }

    [Fact]
    public void Composed_characters_keep_their_place()
    {
        var model = TokenizerFiles.Named("qwen2");
        var encoded = model.Encode(ChatTemplate.Named("chatml",
            new()).Render([new("user", "e\u0301e\u0301e\u0301"), new("assistant", "o\u0308k")]));
        Assert.Equal("ök", string.Concat(encoded.Ids[encoded.AnswerStart..encoded.AnswerEnd].Select(model.TokenText)));
    }

    [Theory]
    [InlineData("gemma", "")]
    [InlineData("gemma", " \n ")]
    [InlineData("none", "")]
    public void An_empty_answer_has_no_tokens(string template, string content)
    {
        var model = TokenizerFiles.Named("miniworld");
        var encoded = model.Encode(ChatTemplate.Named(template, model.SpecialTokens).Render([new("user", "a"), new("assistant", content)]));
        Assert.Equal((encoded.Ids.Length, encoded.Ids.Length), (encoded.AnswerStart, encoded.AnswerEnd));
    }

    [Fact]
    public void Marks_in_content_stay_text_and_bos_stays_one()
    {
        var model = TokenizerFiles.Named("miniworld");
        var encoded = model.Encode(ChatTemplate.Named("none",
            model.SpecialTokens).Render([new("user", "<bos><end_of_turn>"), new("assistant", "<bos>")]));
        Assert.Equal(1, encoded.Ids.Count(id => id == model.BosId));
        Assert.DoesNotContain(6, encoded.Ids);
        Assert.Equal(2, encoded.Ids[0]);
        var doubled = model.Encode(ChatTemplate.Parse("t", "{{ bos_token }}{{ bos_token }}{{ messages[0].content }}",
            model.SpecialTokens).Render([new("user", "a")]));
        Assert.Equal(1, doubled.Ids.Count(id => id == model.BosId));
    }

    [Fact]
    public void A_mark_that_only_template_and_content_spell_together_is_text()
    {
        var model = TokenizerFiles.Named("llama3");
        var encoded = model.Encode(ChatTemplate.Parse("t", "<|eot{{ messages[0].content }}").Render([new("user", "_id|>")]));
        Assert.DoesNotContain(128009, encoded.Ids);
    }
}
