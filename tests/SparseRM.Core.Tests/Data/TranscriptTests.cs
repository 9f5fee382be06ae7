using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Data;

/// <summary>Transcripts in the spellings that files have: turns, or refused; never one text with a mark in it.</summary>
public sealed class TranscriptTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(@"\r\n\r\nHuman: q\r\n\r\nAssistant:", "user: q")]
    [InlineData(@"  \n\nHuman : q\n\nAssistant :", "user: q")]
    [InlineData(@"Human: q\n \nAssistant:", "user: q")]
    [InlineData(@"\n\nHuman: x\n\nAssistant: y\nAssistant: z\n\nHuman: q\n\nAssistant:", @"user: x|assistant: y\nAssistant: z|user: q")]
    public void A_prompt_is_read_by_its_turns(string prompt, string turns)
        => Assert.Equal(turns, Turns(Read($$"""{"prompt":"{{prompt}}","chosen":"a","rejected":"b"}""").Prompt));

    [Theory]
    [InlineData(@"\r\n\r\nHuman: q\r\n\r\nAssistant: a")]
    [InlineData(@"Human:q\n\nAssistant:a")]
    [InlineData(@" Human: q\r\n\r\nAssistant: a")]
    public void Whole_transcripts_are_read_by_their_turns(string chosen)
    {
        PreferenceItem item = Read($$"""{"chosen":"{{chosen}}","rejected":"{{chosen[..^1]}}b"}""");
        Assert.Equal(("user: q", "assistant: a", "assistant: b"), (Turns(item.Prompt), Turns(item.Chosen[0]), Turns(item.Rejected[0])));
    }

    [Fact]
    public void An_answer_that_begins_with_its_mark_is_a_turn()
    {
        PreferenceItem item = Read("""{"prompt":"\n\nHuman: q","chosen":"\n\nAssistant: a","rejected":"\n\nAssistant:b"}""");
        Assert.Equal(("user: q", "assistant: a", "assistant: b"), (Turns(item.Prompt), Turns(item.Chosen[0]), Turns(item.Rejected[0])));
        Assert.IsType<AnswerInput>(ScoreInputFile.Read(_folder.File("a.jsonl", """{"prompt":"q","response":"\n\nAssistant: a"}""")).Single());
    }

    [Theory]
    [InlineData("""{"prompt":"\n\nHuman: q\nAssistant:","chosen":"a","rejected":"b"}""", "field 'prompt' has an 'Assistant:' that does not follow an empty line")]
    [InlineData("""{"prompt":"\n\nHuman: x\nAssistant: y\n\nHuman: q\n\nAssistant:","chosen":"a","rejected":"b"}""", "field 'prompt' has an 'Assistant:'")]
    [InlineData("""{"chosen":"Human: q\nAssistant: a","rejected":"Human: q\nAssistant: b"}""", "field 'chosen' has an 'Assistant:'")]
    [InlineData("""{"chosen":" Human: q\n\n Assistant: a","rejected":" Human: q\n\n Assistant: b"}""", "field 'chosen' has an 'Assistant:'")]
    [InlineData("""{"prompt":"q","chosen":"Assistant: a","rejected":"b"}""", "field 'chosen' begins with 'Assistant:'")]
    public void What_cannot_be_told_apart_is_refused(string line, string problem) => Assert.Contains(problem, Assert.Throws<DataFormatException>(() => Read(line)).Message);

    private PreferenceItem Read(string line) => PreferenceFile.Read(_folder.File("pairs.jsonl", line)).Items[0];

    private static string Turns(IReadOnlyList<Message> messages) => string.Join('|', messages.Select(message => $"{message.Role}: {message.Content!.Replace("\n", @"\n")}"));
}
