using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

public class ChatTemplateGoldenTests
{
    public static TheoryData<string, string> Families => new()
    {
        { "gemma", "miniworld" }, { "gemma3", "miniworld" }, { "llama3", "llama3-hf" }, { "llama3_1", "llama3-hf" },
            { "qwen2_5", "qwen2" }, { "qwen3", "qwen2" },
    };

    [Theory, MemberData(nameof(Families))]
    public void Our_named_templates_write_the_families_text(string family, string tokenizer) =>
        AssertText(ChatTemplate.Named(family, new SpecialTokenNames(tokenizer == "miniworld" ? "<bos>" : "<|begin_of_text|>")), family);

    [Theory, MemberData(nameof(Families))]
    public void The_families_own_templates_write_their_text(string family, string tokenizer)
    {
        var template = ChatTemplate.Named(SharedData.Shared("chat-templates", family + ".jinja"),
            TokenizerFiles.Named(tokenizer).SpecialTokens);
        AssertText(template, family);
        AssertIds(template, family, tokenizer);
    }

    [Theory, MemberData(nameof(Families))]
    public void Ids_take_only_the_templates_marks_as_tokens(string family, string tokenizer)
    {
        var model = TokenizerFiles.Named(tokenizer);
        AssertIds(ChatTemplate.Named(family, model.SpecialTokens), family, tokenizer);
    }

    [Fact]
    public void MiniWorlds_own_template_writes_its_dialogues()
    {
        string folder = SharedData.MiniWorld("model");
        var (template, tokenizer) = (ChatTemplate.FromFolder(folder)!, ModelTokenizer.Load(folder));
        Assert.Equal("model", template.Name);
        foreach (var line in TokenizerFiles.Lines(SharedData.Shipped("miniworld", "golden.jsonl")))
        {
            var encoded = tokenizer.Encode(template.Render(line.Messages()));
            Assert.Equal(line.Text(), encoded.Text);
            Assert.Equal(line.Ids(), encoded.Ids);
        }
    }

    private static void AssertText(ChatTemplate template, string family)
    {
        int count = 0;
        foreach (var line in TokenizerFiles.Lines(SharedData.Shipped("goldens", "chat", family + ".jsonl")))
        {
            count++;
            if (line.TryGetProperty("error", out var expected))
            {
                var error = Assert.Throws<SparseRMException>(() => template.Render(line.Messages()));
                Assert.EndsWith(expected.GetString()!, error.Message);
                continue;
            }
            var dialogue = template.Render(line.Messages());
            Assert.Equal(line.Text(), dialogue.Text);
            Assert.Equal(dialogue.Text, string.Concat(dialogue.Spans.Select(span => dialogue.Text.Substring(span.Start, span.Length))));
            foreach (var span in dialogue.Spans.Where(span => span.MessageIndex >= 0))
                Assert.Contains(dialogue.Text.Substring(span.Start, span.Length), line.Messages()[span.MessageIndex].Content);
        }
        Assert.Equal(60, count);
    }

    private static void AssertIds(ChatTemplate template, string family, string tokenizer)
    {
        var model = TokenizerFiles.Named(tokenizer);
        foreach (var line in TokenizerFiles.Lines(SharedData.Shipped("goldens", "chat", family + ".jsonl")))
            if (line.TryGetProperty("ids", out _)) Assert.Equal(line.Ids(), model.Encode(template.Render(line.Messages())).Ids);
    }
}
