using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Data;

public sealed class MessageTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"role":"assistant","content":"a"}""", "a")]
    [InlineData("""[{"role":"Assistant","content":"a"}]""", "a")]
    [InlineData("""[{"role":"gpt","content":"a"}]""", "a")]
    [InlineData("""{"from":"gpt","value":"a"}""", "a")]
    [InlineData("""[{"role":"assistant","content":[{"type":"text","text":"a "},{"type":"text","text":"b"},"c"]}]""", "a bc")]
    [InlineData("""[{"type":"text","text":"a "},{"type":"text","text":"b"}]""", "a b")]
    [InlineData("""[{"role":"assistant","content":[{"type":"output_text","text":"a"}]}]""", "a")]
    [InlineData(""" "[{'role': 'assistant', 'content': 'it\\'s \"a\"\\n\u00e9'}]" """, "it's \"a\"\né")]
    [InlineData(""" "[{'content': \"it's\", 'role': 'assistant', 'name': None, 'n': [1, 2.5, True]}]" """, "it's")]
    [InlineData(""" "{\"from\": \"gpt\", \"value\": \"a\"}" """, "a")]
    [InlineData(""" "[{\"key\": \"an answer that is JSON\"}]" """, "[{\"key\": \"an answer that is JSON\"}]")]
    [InlineData(""" "[{\"type\": \"text\", \"text\": \"a \"}, {\"type\": \"text\", \"text\": \"b\"}]" """, "a b")]
    [InlineData(""" "[{\"type\":\"circle\",\"r\":1}]" """, "[{\"type\":\"circle\",\"r\":1}]")]
    [InlineData(""" "{\"from\":\"alice\",\"to\":\"bob\",\"value\":\"5\"}" """, "{\"from\":\"alice\",\"to\":\"bob\",\"value\":\"5\"}")]
    [InlineData(""" "[{\"from\":\"alice\",\"to\":\"bob\",\"value\":\"5\"}]" """, "[{\"from\":\"alice\",\"to\":\"bob\",\"value\":\"5\"}]")]
    [InlineData(""" "[{\"type\":\"image_url\",\"r\":1}]" """, "[{\"type\":\"image_url\",\"r\":1}]")]
    [InlineData(""" "[{\"type\":\"circle\",\"image_url\":1}]" """, "[{\"type\":\"circle\",\"image_url\":1}]")]
    [InlineData(""" "[1, 2, 3]" """, "[1, 2, 3]")]
    [InlineData(""" "Human: and then?" """, "Human: and then?")]
    public void Reads_an_answer_in_every_form(string chosen, string content)
    {
        Message message = Assert.Single(Chosen(chosen));
        Assert.Equal(("assistant", content), (message.Role, message.Content));
    }

    [Fact]
    public void Of_two_judged_answers_one_alone_that_begins_with_a_user_does_not_bring_the_prompt()
    {
        string path = _folder.File("a.jsonl",
            """{"question":"q","response_A":[{"role":"user","content":"x"},{"role":"assistant","content":"a"}],"response_B":"b","label":"A>B"}""");
        var item = Assert.Single(PreferenceFile.Read(path).Items);
        Assert.Equal([("user", "q")], item.Prompt.Select(message => (message.Role, message.Content)));
        Assert.Equal(["x", "a"], item.Chosen[0].Select(message => message.Content));
    }

    [Fact]
    public void Numpys_dicts_without_commas_are_messages()
    {
        IReadOnlyList<Message> chosen = Chosen(""" "[{'content': 'q', 'role': 'user'}\n {'content': 'a', 'role': 'assistant'}]" """, """[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]""");
        Assert.Equal("a", Assert.Single(chosen).Content);
    }

    [Theory]
    [InlineData("""[{"role":"assistant","content":[{"type":"image_url","image_url":"x"}]}]""", "field 'chosen[0].content[0]' is a part of type 'image_url'; only text can be scored")]
    [InlineData("""[{"role":"assistant","content":[]}]""", "field 'chosen[0].content' is an empty list, expected text or a list of text parts")]
    [InlineData("""[{"role":"assistant","content":[3]}]""", "field 'chosen[0].content[0]' must be a text part, found the number 3")]
    [InlineData("""[{"role":"assistant","content":[{"type":"text"}]}]""", "field 'chosen[0].content[0].text' is missing")]
    [InlineData("""[{"role":"assistant","content":[{"type":"text","text":null}]}]""", "field 'chosen[0].content[0].text' must be text, found null")]
    [InlineData("""[{"from":"function_call","value":"{}"}]""", "field 'chosen[0].from' is 'function_call'; known are human,")]
    [InlineData("""[{"role":"user","content":"a"}]""", "one of 'chosen' and 'rejected' is a whole dialogue")]
    [InlineData("""[{"role":"assistant","content":"a"},{"role":"user","content":"thanks"}]""", "must end with a message of the assistant, found one of 'user'")]
    [InlineData("""[{"role":"assistant","content":null,"tool_calls":null}]""", "field 'chosen[0].content' must be text, found null")]
    [InlineData("""[{"role":"assistant","content":null,"name":"x","tool_calls":[]}]""", "field 'chosen[0].content' must be text, found null")]
    [InlineData("""[{"role":"assistant","content":"","name":"x"}]""", "the chosen answer is empty")]
    [InlineData("""[{"role":"assistant","content":"a","name":"\ud800"}]""", "field 'chosen[0].name' holds a lone surrogate")]
    [InlineData("""[{"role":"assistant","content":"a","meta":{"\udc00":1}}]""", "a field's name holds a lone surrogate")]
    [InlineData("""[{"role":"assistant","content":[{"type":"text","text":"a","image":"x.png"}]}]""", "field 'chosen[0].content[0]' has 'image' beside its text; only text can be scored")]
    [InlineData(""" "[{'id': 1, 'role': 'assistant', 'content': 'a' oops" """, "field 'chosen' looks like a list of messages as text")]
    [InlineData(""" "{'messages': [{'role': 'assistant', 'content': 'a'}]}" """, "field 'chosen' is text that holds messages in another form than a list of them")]
    [InlineData(""" "[{\"type\":\"image_url\",\"image_url\":\"x\"}]" """, "field 'chosen[0]' is a part of type 'image_url'; only text can be scored")]
    [InlineData(""" "[[{'role': 'assistant', 'content': 'a'}]]" """, "field 'chosen' is text that holds messages in another form")]
    [InlineData(""" "[{'role': 'assistant', 'content': 'a'}, 'b']" """, "field 'chosen' is text that holds messages in another form")]
    [InlineData(""" "[{'role': 'assistant', 'content': 'a'}, oops]" """, "field 'chosen' looks like a list of messages as text")]
    public void Refuses_other_forms_by_name(string chosen, string problem)
        => Assert.Contains(problem, Assert.Throws<DataFormatException>(() => Chosen(chosen)).Message);

    [Fact]
    public void Every_other_field_of_a_message_is_kept_as_it_is()
    {
        Message message = Assert.Single(Chosen("""[{"role":"assistant","content":"a","reasoning_content":"r","tool_calls":[{"function":{"name":"f","arguments":{"x":1.50}}}],"weight":null}]"""));
        Assert.Equal("""{"reasoning_content":"r","tool_calls":[{"function":{"name":"f","arguments":{"x":1.50}}}],"weight":null}""", message.Fields!.Value.GetRawText());
        Assert.Null(Assert.Single(Chosen("""[{"role":"assistant","content":"a"}]""")).Fields);
    }

    [Fact]
    public void A_null_content_is_kept_apart_from_a_missing_one()
    {
        Message explicitly = Assert.Single(Chosen("""[{"role":"assistant","content":null,"tool_calls":[{"id":"1"}]}]"""));
        Assert.Equal((null, """{"content":null,"tool_calls":[{"id":"1"}]}"""), (explicitly.Content, explicitly.Fields!.Value.GetRawText()));
        Message missing = Assert.Single(Chosen("""[{"role":"assistant","tool_calls":[{"id":"1"}]}]"""));
        Assert.Equal((null, """{"tool_calls":[{"id":"1"}]}"""), (missing.Content, missing.Fields!.Value.GetRawText()));
    }

    [Fact]
    public void Answers_that_differ_in_a_tool_call_only_are_two()
    {
        const string call = """[{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]}]""";
        Assert.Single(Chosen(call, call.Replace("\"x\":1", "\"x\":2")));
        Assert.Contains("are equal", Assert.Throws<DataFormatException>(() => Chosen(call, call)).Message);
    }

    [Theory]
    [InlineData("""
        "tools":[{"name":"f"}]
        """, """{"tools":[{"name":"f"}]}""")]
    [InlineData("""
        "tools":"[{\"name\": \"f\"}]"
        """, """{"tools":[{"name":"f"}]}""")]
    [InlineData("""
        "tools":"","documents":[{"title":"t"}],"chat_template_kwargs":{"enable_thinking":false}
        """, """{"documents":[{"title":"t"}],"enable_thinking":false}""")]
    [InlineData("""
        "tools":null
        """, null)]
    public void Template_arguments_come_with_the_row(string columns, string? arguments)
    {
        string line = $$"""{"prompt":"q","chosen":"a","rejected":"b",{{columns.Trim()}}}""";
        Assert.Equal(arguments, PreferenceFile.Read(_folder.File("a.jsonl", line)).Items[0].Arguments?.Value.GetRawText());
        line = $$"""{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],{{columns.Trim()}}}""";
        Assert.Equal(arguments, ScoreInputFile.Read(_folder.File("b.jsonl", line)).Single().Arguments?.Value.GetRawText());
    }

    [Theory]
    [InlineData("\"tools\":\"a hammer\"", "field 'tools' must be a list for the chat template, or that as JSON text, found text")]
    [InlineData("\"chat_template_kwargs\":[]", "field 'chat_template_kwargs' must be an object")]
    [InlineData("\"tools\":[],\"chat_template_kwargs\":{\"tools\":[]}", "has 'tools' both as a field and in 'chat_template_kwargs'")]
    public void Refuses_template_arguments_of_another_kind(string columns, string problem)
        => Assert.Contains(problem, Assert.Throws<DataFormatException>(
            () => PreferenceFile.Read(_folder.File("a.jsonl", $$"""{"prompt":"q","chosen":"a","rejected":"b",{{columns}}}"""))).Message);

    private IReadOnlyList<Message> Chosen(string chosen, string rejected = "\"b\"")
        => PreferenceFile.Read(_folder.File("pairs.jsonl", $$"""{"prompt":"q","chosen":{{chosen.Trim()}},"rejected":{{rejected}}}""")).Items[0].Chosen[0];
}
