using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

public class TokenizerEndsTests
{
    private const string Bos = """{"SpecialToken": {"id": "<s>", "type_id": 0}}""", Text = """{"Sequence": {"id": "A", "type_id": 0}}""";
    private const string Eos = """{"SpecialToken": {"id": "</s>", "type_id": 0}}""";

    private static string Json(string? processor) => $$"""
        {"added_tokens": [{"id": 0, "content": "<s>", "special": true}, {"id": 1, "content": "</s>", "special": true}],
         {{(processor is null ? "" : $"\"post_processor\": {processor},")}}
         "model": {"type": "BPE", "vocab": {"<s>": 0, "</s>": 1, "a": 2} } }
        """;

    private static string Template(params string[] parts) => $$"""{"type": "TemplateProcessing", "single": [{{string.Join(", ", parts)}}]}""";

    private static ModelTokenizer Load(string? processor, string config = "{}") =>
        ModelTokenizer.Load(TokenizerFiles.Folder(("tokenizer.json", Json(processor)), ("tokenizer_config.json", config)));

    public static TheoryData<string?, string, bool, bool> Said => new()
    {
        { null, "{}", false, false },
        { Template(Bos, Text), "{}", true, false },
        { Template(Bos, Text, Eos), "{}", true, true },
        { Template(Text, Eos), "{}", false, true },
        { $$"""{"type": "Sequence", "processors": [{"type": "ByteLevel"}, {{Template(Bos, Text, Eos)}}]}""", "{}", true, true },
        { """{"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0], "trim_offsets": true, "add_prefix_space": false}""", "{}", true, true },
        { """{"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]}""", "{}", true, true },
        { Template(Bos, Text, Eos), """{"add_bos_token": false, "add_eos_token": false}""", false, false },
        { null, """{"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": true, "add_eos_token": true}""", true, true },
    };

    [Theory]
    [MemberData(nameof(Said))]
    public void Bos_and_eos_are_as_the_files_say_and_the_eos_is_put_only_where_it_is_asked_for(string? processor, string config, bool bos, bool eos)
    {
        var tokenizer = Load(processor, config);
        int[] begin = bos ? [0] : [];
        Assert.Equal((bos, eos), (tokenizer.UsesBos, tokenizer.AddsEos));
        Assert.Equal([.. begin, 2], tokenizer.Encode("a"));
        Assert.Equal(eos, tokenizer.Note?.Contains("put '</s>' after a text") ?? false);
        if (tokenizer.LastId is null) return;
        Assert.Equal([.. begin, 2, 1], tokenizer.Encode("a", addEos: true));
        Assert.Equal([.. begin, 2, 1], tokenizer.Encode("a</s>", addEos: true));
        Assert.Equal([2, 1], tokenizer.Encode("a</s></s>", addBos: false, addEos: true));
    }

    [Fact]
    public void What_the_post_processor_puts_last_goes_before_the_configs_eos()
    {
        var tokenizer = Load(Template(Text, Eos), """{"eos_token": "a"}""");
        Assert.Equal((2, 1), (tokenizer.EosId, tokenizer.LastId));
        Assert.Equal([2, 1], tokenizer.Encode("a", addEos: true));
    }

    [Fact]
    public void Rendered_texts_are_read_at_their_eos_where_it_is_asked_for()
    {
        var encoder = new InputEncoder(Load(Template(Bos, Text, Eos)), null, Truncation.Refuse, nCtx: 8, dVocab: 3);
        // An answer has at least one token.
        Assert.Equal(1, encoder.EncodeIds(new[] { 1, 2 }, 1, 2).AnswerStart);
        Assert.Contains("give 0 <= start < end <= 2", Assert.Throws<SparseRMException>(() => encoder.EncodeIds(new[] { 1, 2 }, 1, 1)).Message);
        Assert.Equal([0, 2], encoder.EncodeText("a").Ids.ToArray());
        Assert.Equal([0, 2, 1], encoder.EncodeText("a", addEos: true).Ids.ToArray());
    }

    [Fact]
    public void Refuses_an_eos_that_the_tokenizer_has_not() =>
        Assert.Contains("no EOS token", Assert.Throws<SparseRMException>(() => Load(null).Encode("a", addEos: true)).Message);

    [Theory]
    [InlineData("""{"type": "TemplateProcessing", "single": [BOS, EOS, TEXT]}""", "'<s>' and '</s>' before a text")]
    [InlineData("""{"type": "TemplateProcessing", "single": [TEXT, EOS, EOS]}""", "after a text")]
    [InlineData("""{"type": "TemplateProcessing", "single": [BOS]}""", "TemplateProcessing")]
    [InlineData("""{"type": "TemplateProcessing", "single": [TEXT, TEXT]}""", "TemplateProcessing")]
    [InlineData("""{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<x>"}}, TEXT]}""", "'<x>'")]
    [InlineData("""{"type": "TemplateProcessing", "single": [BOS, TEXT], "special_tokens": {"<s>": {"id": "<s>", "ids": [0, 1], "tokens": ["<s>", "</s>"]}}}""", "2 tokens for '<s>'")]
    [InlineData("""{"type": "TemplateProcessing", "single": [BOS, TEXT], "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}}""", "id 5")]
    [InlineData("""{"type": "RobertaProcessing", "cls": ["<s>", 0]}""", "no sep")]
    [InlineData("""{"type": "Sequence", "processors": [{"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]}, {"type": "TemplateProcessing", "single": [BOS, TEXT]}]}""", "after another")]
    public void Refuses_what_is_put_around_texts_otherwise(string processor, string named)
    {
        processor = processor.Replace("BOS", Bos).Replace("EOS", Eos).Replace("TEXT", Text);
        Assert.Contains(named, Assert.Throws<ModelFormatException>(() => Load(processor)).Message);
    }

    [Fact]
    public void Refuses_a_bos_that_the_two_files_name_differently() =>
        Assert.Contains("bos_token is 'a'", Assert.Throws<ModelFormatException>(() => Load(Template(Bos, Text), """{"bos_token": "a"}""")).Message);
}
