using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

public class AddedTokenTests
{
    private static ModelTokenizer Load(string added, string model) => ModelTokenizer.Load(TokenizerFiles.Folder(
        ("tokenizer.json", $$"""{"added_tokens": [{{added}}], "model": {"type": "BPE", {{model}} } }""")));

    // "s" and ">" merge, and with "<" they make the special token's own text.
    private const string Reachable = """
        "vocab": {"<": 0, "s": 1, ">": 2, "s>": 3, "<s>": 4, "a": 5, "\n": 6, "▁": 7}, "merges": ["s >", "< s>"], "unk_token": "▁"
        """;

    [Fact]
    public void What_a_message_spells_merges_into_no_special_token()
    {
        var tokenizer = Load("""{"id": 4, "content": "<s>", "special": true}""", Reachable);
        Assert.Equal([5, 4, 5], tokenizer.Encode("a<s>a", addBos: false));
        var rendered = ChatTemplate.Named("none", new()).Render([new("user", "a<s>a"), new("assistant", "<s>")]);
        Assert.DoesNotContain(4, tokenizer.Encode(rendered).Ids);
        Assert.Contains(3, tokenizer.Encode(rendered).Ids);
    }

    [Fact]
    public void A_special_token_of_one_character_is_still_that_characters_token() =>
        Assert.Equal([5, 5], Load("""{"id": 5, "content": "a", "special": true}""", Reachable)
            .Encode(ChatTemplate.Named("none", new()).Render([new("user", "aa")])).Ids);

    [Fact]
    public void The_blanks_that_a_mark_swallows_are_not_the_answers_end()
    {
        var tokenizer = Load("""{"id": 8, "content": "<end>", "special": true, "lstrip": true, "rstrip": true}""", Reachable);
        var dialogue = new RenderedDialogue("a  <end>\n", [new TextSpan(0, 3, 0), new TextSpan(3, 6, TextSpan.Template)], 0);
        var encoded = tokenizer.Encode(dialogue);
        Assert.Equal([5, 8], encoded.Ids);
        Assert.Equal((0, 1), (encoded.AnswerStart, encoded.AnswerEnd));
    }

    [Theory]
    [InlineData("a<w>", false)]
    [InlineData("<w>a", false)]
    [InlineData("_<w>", false)]
    [InlineData("\u0301<w>", false)]
    [InlineData("<w>\u200d", false)]
    [InlineData("\u24B6<w>", false)]
    [InlineData("\U0001D538<w>", false)]
    [InlineData("<<w>>", true)]
    [InlineData("\U0001F600<w>\u00B2", true)]
    public void A_single_word_stands_between_characters_of_no_word(string text, bool found)
    {
        var tokenizer = Load("""{"id": 8, "content": "<w>", "special": true, "single_word": true}""", Reachable);
        Assert.Equal(found, tokenizer.Encode(text, addBos: false).Contains(8));
    }

    [Theory]
    [InlineData("""{"id": 9, "content": "<x>"}""", "id 9, but Hugging Face's tokenizers give it 8")]
    [InlineData("""{"id": 3, "content": "a"}""", "'a' has id 3 in added_tokens and 5 in the vocab")]
    [InlineData("""{"id": 8, "content": "<x>"}, {"id": 9, "content": "<x>"}""", "'<x>' twice")]
    [InlineData("""{"id": 16777216, "content": "<x>"}""", "16777216")]
    [InlineData("""{"id": 1.5, "content": "<x>"}""", "1.5")]
    public void Refuses_ids_that_the_tokens_do_not_have(string added, string named) =>
        Assert.Contains(named, Assert.Throws<ModelFormatException>(() => Load(added, Reachable)).Message);

    [Fact]
    public void Refuses_a_token_as_long_as_a_page() =>
        Assert.Contains("513 characters", Assert.Throws<ModelFormatException>(() =>
            Load(JsonSerializer.Serialize(new { id = 8, content = new string('x', 513) }), Reachable)).Message);

    [Fact]
    public void Many_long_tokens_take_memory_for_their_texts_only()
    {
        // 10,000 tokens of 500 characters that share nothing; a tree with a node for each character took a gigabyte.
        string added = string.Join(", ", Enumerable.Range(0, 10_000).Select(i =>
            $$"""{"id": {{8 + i}}, "content": "{{(char)(0x4E00 + i)}}{{new string('x', 499)}}", "special": true}"""));
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var tokenizer = Load(added, Reachable);
        Assert.True(GC.GetTotalMemory(forceFullCollection: true) - before < 200 << 20);
        Assert.Equal([8 + 7, 5], tokenizer.Encode($"{(char)(0x4E00 + 7)}{new string('x', 499)}a", addBos: false));
    }

    [Theory]
    [InlineData("<a><ab><abc>", new[] { 8, 9, 10 })]
    [InlineData("<abca", new[] { 11, 5 })]
    [InlineData("<ab<ab>", new[] { 0, 5, 7, 9 })]
    public void The_longest_token_that_begins_here_is_found(string text, int[] ids) => Assert.Equal(ids, Load("""
        {"id": 8, "content": "<a>", "special": true}, {"id": 9, "content": "<ab>", "special": true},
        {"id": 10, "content": "<abc>", "special": true}, {"id": 11, "content": "<abc", "special": true}
        """, Reachable).Encode(text, addBos: false));
}
