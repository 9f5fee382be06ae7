using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Data;

/// <summary>Every column that may hold the prompt is read, or the row is refused by the column's name.</summary>
public sealed class PromptColumnTests : IDisposable
{
    private const string Answers = "\"chosen\":\"a\",\"rejected\":\"b\"";
    private const string Dialogues =
        """
        "chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]
        """;

    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("\"question\":\"q\"", "user: q")]
    [InlineData("\"query\":\"q\"", "user: q")]
    [InlineData("\"instruction\":\"q\"", "user: q")]
    [InlineData("\"instruction\":\"q\",\"input\":\"more\"", "user: q\nmore")]
    [InlineData("\"instruction\":\"q\",\"input\":\"\"", "user: q")]
    [InlineData("\"input\":\"q\"", "user: q")]
    [InlineData("\"context\":\"q\"", "user: q")]
    [InlineData("\"post\":\"q\"", "user: q")]
    [InlineData("\"human\":\"q\"", "user: q")]
    [InlineData("\"system_instruction\":\"s\",\"question\":\"q\"", "system: s|user: q")]
    [InlineData("\"history\":[[\"x\",\"y\"]],\"instruction\":\"q\"", "user: x|assistant: y|user: q")]
    [InlineData("\"history\":[],\"instruction\":\"q\"", "user: q")]
    [InlineData("\"history\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"y\"}],\"prompt\":\"q\"", "user: x|assistant: y|user: q")]
    [InlineData("\"system\":\"s\",\"question\":\"q\"", "system: s|user: q")]
    [InlineData("\"system\":\"\",\"question\":\"q\"", "user: q")]
    [InlineData("\"system_prompt\":\"s\",\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}]", "system: s|user: q")]
    [InlineData("\"system\":\"s\",\"prompt\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"q\"}]", "system: s|user: q")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]", "user: q")]
    [InlineData("\"conversations\":[{\"from\":\"system\",\"value\":\"s\"},{\"from\":\"human\",\"value\":\"q\"}]", "system: s|user: q")]
    [InlineData("\"prompt\":\"q\",\"question\":\"q\"", "user: q")]
    [InlineData("\"prompt\":\"q\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"q\"}]", "system: s|user: q")]
    [InlineData("\"prompt\":\"\",\"question\":\"q\"", "user: q")]
    [InlineData("\"prompt\":null,\"question\":\"q\"", "user: q")]
    [InlineData("\"Instruction\":\"q\",\"INPUT\":\"more\"", "user: q\nmore")]
    [InlineData("""
        "prompt":"[{\"role\": \"user\", \"content\": \"q\"}]"
        """, "user: q")]
    [InlineData("""
        "prompt":"\n\nHuman: x\n\nAssistant: y\n\nHuman: q\n\nAssistant:"
        """, "user: x|assistant: y|user: q")]
    [InlineData("""
        "prompt":"Human:x\n\nAssistant:y\n\nHuman:q\n\nAssistant:"
        """, "user: x|assistant: y|user: q")]
    [InlineData("""
        "prompt":"\n\nHuman: q"
        """, "user: q")]
    public void Reads_it_whatever_its_name_and_form(string columns, string prompt)
    {
        PreferenceItem item = Read($"{{{columns},{Answers}}}");
        Assert.Equal(prompt, Turns(item.Prompt));
        Assert.Equal(("assistant: a", "assistant: b"), (Turns(item.Chosen[0]), Turns(item.Rejected[0])));
    }

    [Theory]
    [InlineData("\"prompt\":\"q\"", "user: q")]
    [InlineData("\"prompt\":\" q\\n\"", "user: q")]
    [InlineData("\"question\":\"q\",\"score_chosen\":7.5,\"score_rejected\":3", "user: q")]
    [InlineData("\"prompt\":\"q\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}]", "user: q")]
    [InlineData("\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}]", "user: q")]
    [InlineData("\"prompt\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"y\"}]", "user: x|assistant: y|user: q")]
    [InlineData("\"system\":\"s\"", "system: s|user: q")]
    [InlineData("\"system\":\"s\",\"question\":\"q\"", "system: s|user: q")]
    [InlineData("\"source\":\"magpie\"", "user: q")]
    public void Reads_whole_dialogues_beside_it(string columns, string prompt)
    {
        PreferenceItem item = Read($"{{{columns},{Dialogues}}}");
        Assert.Equal(prompt, Turns(item.Prompt));
        Assert.Equal(("assistant: a", "assistant: b"), (Turns(item.Chosen[0]), Turns(item.Rejected[0])));
    }

    [Theory]
    [InlineData("\"prompt\":\"q\",\"context\":\"c\"," + Answers, "has both 'prompt' and 'context'")]
    [InlineData("\"question\":\"q\",\"instruction\":\"i\"," + Answers, "has both 'question' and 'instruction'")]
    [InlineData("\"question\":\"q\",\"passage\":\"p\"," + Answers, "has both 'question' and 'passage'")]
    [InlineData("\"prompt\":\"q\",\"input\":\"i\"," + Answers, "has both 'prompt' and 'input'")]
    [InlineData("\"system\":\"s\",\"prompt\":[{\"role\":\"system\",\"content\":\"t\"},{\"role\":\"user\",\"content\":\"q\"}]," + Answers, "differ; keep the one that is meant")]
    [InlineData("\"system\":\"s\",\"system_prompt\":\"t\",\"prompt\":\"q\"," + Answers, "field 'system_prompt' and field 'system' differ")]
    [InlineData("\"prompt\":\"Human: q\"," + Answers, "field 'prompt' begins like a transcript")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}]," + Answers, "field 'messages' ends with a message of the assistant")]
    [InlineData("\"prompt\":\"\\n\\nHuman: q\\n\\nAssistant: It is\"," + Answers, "field 'prompt' ends with a message of the assistant")]
    [InlineData("\"system\":\"s\",\"prompt\":\"\"," + Answers, "the prompt is empty: there is a system message and no turn of the user")]
    [InlineData("\"history\":[[\"x\",\"y\"]]," + Answers, "field 'history' ends with a message of the assistant")]
    [InlineData("\"prompt\":\"['q', 'r']\"," + Answers, "field 'prompt' holds a list of texts written as one text")]
    [InlineData("\"prompt\":3," + Answers, "field 'prompt' must be text or a list of messages, found the number 3")]
    [InlineData("\"prompt\":\"[{'role': 'user', 'content': 'q\"," + Answers, "field 'prompt' looks like a list of messages as text")]
    [InlineData("\"prompt\":\"q\",\"Prompt\":\"r\"," + Answers, "several columns that differ from 'prompt' only in capitals")]
    [InlineData("\"prompt\":\"q\",\"chosen\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}],\"rejected\":\"b\"", "one of 'chosen' and 'rejected' is a whole dialogue")]
    [InlineData("\"prompt\":\"q\",\"chosen\":\"['a', 'b']\",\"rejected\":\"['c']\"", "hold lists of texts written as one text")]
    public void Refuses_what_may_be_the_prompt_and_is_not_sure(string line, string problem)
    {
        var error = Assert.Throws<DataFormatException>(() => Read($"{{{line}}}"));
        Assert.Equal(1, error.Line);
        Assert.Contains(problem, error.Message);
    }

    [Fact]
    public void Refuses_a_prompt_that_the_dialogues_do_not_begin_with()
        => Assert.Contains("field 'question' is not what 'chosen' and 'rejected' begin with", Assert.Throws<DataFormatException>(() => Read($"{{\"question\":\"r\",{Dialogues}}}")).Message);

    [Fact]
    public void A_prompt_column_that_a_later_row_has_is_not_passed_over()
    {
        string path = _folder.File("pairs.jsonl", $"{{{Dialogues}}}\n{{\"question\":\"r\",{Dialogues}}}");
        Assert.Equal(2, Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path)).Line);
    }

    [Fact]
    public void Columns_that_the_user_names_are_taken_and_others_passed_over()
    {
        var columns = new Dictionary<string, string> { ["prompt"] = "Q", ["chosen"] = "good", ["rejected"] = "bad", ["id"] = "n" };
        string path = _folder.File("pairs.jsonl", """{"Q":"q","good":"a","bad":"b","context":"other","n":4}""");
        PreferenceItem item = Assert.Single(PreferenceFile.Read(path, new() { Columns = columns }).Items);
        Assert.Equal(("user: q", "assistant: a", "assistant: b", "4"), (Turns(item.Prompt), Turns(item.Chosen[0]), Turns(item.Rejected[0]), item.Id));

        columns["prompt"] = "nothing";
        Assert.Contains("has no column 'nothing', which was named as the prompt; it has the columns ",
            Assert.Throws<DataFormatException>(() => PreferenceFile.Read(path, new() { Columns = columns })).Message);
        columns["promt"] = "Q";
        Assert.Contains("no column is called 'promt'; known: prompt, system,", Assert.Throws<ArgumentException>(() => PreferenceFile.Read(path, new() { Columns = columns })).Message);
    }

    [Fact]
    public void A_named_prompt_settles_which_of_two_is_meant()
    {
        string path = _folder.File("pairs.jsonl", $"{{\"question\":\"q\",\"context\":\"c\",{Answers}}}");
        Assert.Equal("user: c", Turns(PreferenceFile.Read(path, new() { Columns = new Dictionary<string, string> { ["prompt"] = "context" } }).Items[0].Prompt));
    }

    private PreferenceItem Read(string line) => Assert.Single(PreferenceFile.Read(_folder.File("pairs.jsonl", line.ReplaceLineEndings(""))).Items);

    private static string Turns(IReadOnlyList<Message> messages) => string.Join('|', messages.Select(message => $"{message.Role}: {message.Content}"));
}
