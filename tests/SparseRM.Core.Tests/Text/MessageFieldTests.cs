using System.Text.Json;
using System.Text.Json.Nodes;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

public class MessageFieldTests
{
    private const string Call = """{"tool_calls": [{"function": {"name": "f", "arguments": {"x": "<|eot_id|>", "n": 4}}}]}""";

    [Theory]
    [InlineData("llama3_1")]
    [InlineData("qwen2_5")]
    [InlineData("qwen3")]
    public void Dialogues_with_tools_calls_and_reasoning_are_written_as_the_family_writes_them(string family)
    {
        var tokens = TokenizerFiles.Named("llama3-hf").SpecialTokens;
        int count = 0;
        foreach (var line in TokenizerFiles.Lines(SharedData.Shared("field", "chat", family + ".jsonl")))
        {
            string expected = line.GetProperty("rendered").GetString()!;
            Assert.Equal(expected, Named(SharedData.Shared("chat-templates", family + ".jinja")).Render(line.Messages(), arguments: Arguments(line)).Text);
            Assert.Equal(expected, Named(family).Render(line.Messages(), arguments: Arguments(line)).Text);
            count++;
        }
        Assert.Equal(4, count);

        ChatTemplate Named(string name) => ChatTemplate.Named(name, tokens);
    }

    [Theory]
    [InlineData("llama3_1")]
    [InlineData("qwen3")]
    public void Answers_that_differ_only_in_a_tool_call_are_two_answers(string family)
    {
        var template = ChatTemplate.Named(family, new("<s>"));
        string Answer(string city) => template.Render([new("user", "?"),
            new("assistant", "") { Fields = TokenizerFiles.Fields($$$$"""{"tool_calls": [{"function": {"name": "f", "arguments": {"c": "{{{{city}}}}"}}}]}""") }]).Text;
        Assert.Equal(Answer("Oslo").Replace("Oslo", "Rome", StringComparison.Ordinal), Answer("Rome"));
        Assert.NotEqual(Answer("Oslo"), Answer("Rome"));
    }

    [Fact]
    public void Fields_reach_the_template_as_they_are()
    {
        var message = new Message("assistant", null)
        {
            Fields = TokenizerFiles.Fields("""{"content": null, "name": "Ann", "t": [1, 1.0, 1e16, 123456789012345678901, true, null, {"k": "it's"}]}"""),
        };
        Assert.Equal("{'role': 'assistant', 'content': None, 'name': 'Ann', 't': [1, 1.0, 1e+16, 123456789012345678901, True, None, {'k': \"it's\"}]}",
            ChatTemplate.Parse("t", "{{ messages[0] }}").Render([message]).Text);
        var bare = new Message("assistant", null) { Fields = TokenizerFiles.Fields(Call) };
        Assert.Equal("False True role,tool_calls", ChatTemplate.Parse("t",
            "{{ messages[0].content is defined }} {{ 'tool_calls' in messages[0] }} {{ messages[0] | join(',') }}").Render([bare]).Text);
    }

    [Fact]
    public void Arguments_are_variables()
    {
        var template = ChatTemplate.Parse("t", "{{ tools[0].name }}{{ documents is none }}{{ enable_thinking }}{{ add_generation_prompt }}{{ thing.a[1] }}");
        Assert.Equal("fTrueFalseTrue2.5", template.Render([new("user", "a")], true,
            TokenizerFiles.Fields("""{"tools": [{"name": "f"}], "enable_thinking": false, "thing": {"a": [1, 2.5]}}""")).Text);
        Assert.Contains("'messages'", Assert.Throws<SparseRMException>(() =>
            template.Render([new("user", "a")], arguments: TokenizerFiles.Fields("""{"messages": []}"""))).Message);
    }

    [Fact]
    public void No_text_of_a_field_or_an_argument_becomes_a_token()
    {
        var model = TokenizerFiles.Named("llama3-hf");
        var template = ChatTemplate.Parse("t",
            "<|eot_id|>{{ tools | tojson }}{{ tools }}{{ tools[0]['<|eot_id|>'] }}{{ messages[0].tool_calls | tojson(indent=2) }}{{ messages[0].tool_calls[0].function.arguments }}" +
            "{% for k, v in messages[0].tool_calls[0].function.arguments.items() %}{{ k }}{{ '%s' % v }}{{ '{}'.format(v) }}{{ v | upper | lower | replace('x', 'y') }}{% endfor %}", model.SpecialTokens);
        var rendered = template.Render([new("assistant", "") { Fields = TokenizerFiles.Fields(Call.Replace("\"n\": 4", "\"<|eot_id|>\": \"<|eot_id|>\"", StringComparison.Ordinal)) }],
            arguments: TokenizerFiles.Fields("""{"tools": [{"<|eot_id|>": "<|eot_id|>"}]}"""));
        Assert.True(rendered.Text.Split("<|eot_id|>").Length > 12);
        Assert.Equal(1, model.Encode(rendered).Ids.Count(id => id == 128009));
    }

    [Fact]
    public void The_answer_is_all_that_the_last_message_gives()
    {
        var template = ChatTemplate.Parse("t", "{% for m in messages %}<{{ m.role }}>{{ m.reasoning_content }}{{ m.content }}{{ m.tool_calls | tojson if m.tool_calls }}{% endfor %}.");
        string Answer(string? content, string? fields)
        {
            var rendered = template.Render([new("user", "a"), new("assistant", content) { Fields = fields is null ? null : TokenizerFiles.Fields(fields) }]);
            var own = rendered.Spans.Where(span => span.MessageIndex == rendered.LastMessage).ToList();
            return rendered.Text[own[0].Start..own[^1].End];
        }
        Assert.Equal("yes", Answer("yes", null));
        Assert.Equal("""[{"function": {"name": "f", "arguments": {"x": "<|eot_id|>", "n": 4}}}]""", Answer("", Call));
        Assert.Equal("hmyes", Answer("yes", """{"reasoning_content": "hm"}"""));

        var model = TokenizerFiles.Named("llama3-hf");
        var bare = model.Encode(ChatTemplate.Named("llama3_1", model.SpecialTokens).Render([new("user", "a"), new("assistant", null) { Fields = TokenizerFiles.Fields(Call) }]));
        Assert.Equal("""f", "parameters": {"x": "<|eot_id|>", "n": 4}}""", string.Concat(bare.Ids[bare.AnswerStart..bare.AnswerEnd].Select(model.TokenText)).Trim());
    }

    [Fact]
    public void What_no_render_has_read_is_told()
    {
        var template = ChatTemplate.Parse("t", "{% for m in messages %}{{ m.content }}{% if m.role == 'tool' %}{{ m.get('tool_call_id') }}{{ 'name' in m }}{% endif %}{% endfor %}{{ enable_thinking is defined }}");
        var message = new Message("user", "a") { Fields = TokenizerFiles.Fields("""{"name": "n", "tool_call_id": "i", "weight": 1}""") };
        var arguments = TokenizerFiles.Fields("""{"tools": [], "enable_thinking": true}""");
        Assert.Empty(template.UnreadFields);
        template.Render([message], arguments: arguments);
        Assert.Equal(["name", "tool_call_id", "weight"], template.UnreadFields);
        Assert.Equal(["tools"], template.UnreadArguments);
        template.Render([message with { Role = "tool" }]);
        Assert.Equal(["weight"], template.UnreadFields);

        var whole = ChatTemplate.Parse("t", "{{ messages[0] | tojson }}");
        whole.Render([message, message with { Fields = TokenizerFiles.Fields("""{"other": 1}""") }]);
        Assert.Equal(["other"], whole.UnreadFields);
    }

    [Fact]
    public void The_day_is_fixed_or_the_arguments()
    {
        var template = ChatTemplate.Parse("t", "{{ strftime_now('%-d %B %Y') }}");
        Assert.Equal("26 July 2024", template.Render([]).Text);
        Assert.Equal("3 May 2025", template.Render([], arguments: TokenizerFiles.Fields("""{"date_string": "03 May 2025"}""")).Text);
        Assert.Equal("3 May 2025", template.Render([], arguments: TokenizerFiles.Fields("""{"date_string": "2025-05-03"}""")).Text);
        // Of two the last one, as for the variable.
        Assert.Equal("3 May 2025", template.Render([], arguments: TokenizerFiles.Fields("""{"date_string": "2024-01-01", "date_string": "2025-05-03"}""")).Text);
        Assert.Contains("date_string", Assert.Throws<ModelFormatException>(() =>
            template.Render([], arguments: TokenizerFiles.Fields("""{"date_string": "today"}"""))).Message);
    }

    [Fact]
    public void Half_a_surrogate_pair_is_refused_by_name()
    {
        Assert.Contains("character 1", Assert.Throws<ModelFormatException>(() => ChatTemplate.Parse("t", "a\ud800")).Message);
        Assert.Contains("surrogate", Assert.Throws<ModelFormatException>(() => ChatTemplate.Parse("t", "{{ '\\ud800' }}")).Message);
        var template = ChatTemplate.Parse("t", "{{ messages }}");
        Assert.StartsWith("the template's arguments, 'a': ", Assert.Throws<SparseRMException>(() =>
            template.Render([], arguments: TokenizerFiles.Fields("""{"a": ["\ud800"]}"""))).Message);
        Assert.StartsWith("the template's arguments, a name: ", Assert.Throws<SparseRMException>(() =>
            template.Render([], arguments: TokenizerFiles.Fields("""{"\ud800": 1}"""))).Message);
        Assert.StartsWith("message 0, 'name': ", Assert.Throws<SparseRMException>(() =>
            template.Render([new("user", "a") { Fields = TokenizerFiles.Fields("""{"name": "\udc00"}""") }])).Message);
        string folder = TokenizerFiles.Folder(("tokenizer_config.json", """{"chat_template": "\ud800"}"""));
        Assert.Contains("surrogate", Assert.Throws<ModelFormatException>(() => ChatTemplate.FromFolder(folder)).Message);
        folder = TokenizerFiles.Folder();
        File.WriteAllBytes(Path.Combine(folder, "chat_template.jinja"), [0x61, 0xFF]);
        Assert.Contains("cannot be read", Assert.Throws<ModelFormatException>(() => ChatTemplate.FromFolder(folder)).Message);
    }

    [Fact]
    public void Messages_that_say_two_things_or_nothing_are_refused()
    {
        var template = ChatTemplate.Parse("t", "{{ messages }}");
        string Refusal(Message message) => Assert.Throws<SparseRMException>(() => template.Render([message])).Message;
        Assert.Equal("message 0 has no content", Refusal(new("user", null)));
        Assert.Contains("twice", Refusal(new("user", "a") { Fields = TokenizerFiles.Fields("""{"role": "tool"}""") }));
        Assert.Contains("twice", Refusal(new("user", "a") { Fields = TokenizerFiles.Fields("""{"content": null}""") }));
        using var deep = JsonDocument.Parse("{\"a\":" + new string('[', 90) + new string(']', 90) + "}", new JsonDocumentOptions { MaxDepth = 200 });
        Assert.Contains("64 levels", Refusal(new("user", "a") { Fields = new JsonFields(deep.RootElement) }));
    }

    [Fact]
    public void What_a_template_says_reaches_no_terminal_as_it_is()
    {
        var error = Assert.Throws<SparseRMException>(() => ChatTemplate.Parse("t", "{{ raise_exception('a\\x1b[31m' ~ 'b' * 9999) }}").Render([]));
        Assert.DoesNotContain('\u001b', error.Message);
        Assert.InRange(error.Message.Length, 1, 500);
        Assert.DoesNotContain('\u001b', Assert.Throws<ModelFormatException>(() => ChatTemplate.Parse("t", "{{ ['a']|map('\\x1b[31m')|list }}").Render([])).Message);
    }

    private static JsonFields? Arguments(JsonElement line)
    {
        var arguments = new JsonObject();
        foreach (var member in line.EnumerateObject())
            if (member.Name is not ("messages" or "rendered" or "chat_template_kwargs")) arguments[member.Name] = JsonNode.Parse(member.Value.GetRawText());
        if (line.TryGetProperty("chat_template_kwargs", out var more))
            foreach (var member in more.EnumerateObject()) arguments[member.Name] = JsonNode.Parse(member.Value.GetRawText());
        return arguments.Count == 0 ? null : new JsonFields(JsonSerializer.SerializeToElement(arguments));
    }
}
