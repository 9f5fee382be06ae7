using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Data;

/// <summary>Shapes in which rows lie in a csv file or a JSON document.</summary>
public sealed class TableTests : IDisposable
{
    private const string Row = """{"prompt":"q","chosen":"a","rejected":"b"}""";
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a.csv", "prompt;chosen;rejected\nq;a;b\nr;c, d;e\n", "q a b|r c, d e")]
    [InlineData("a.csv", "prompt\tchosen\trejected\nq\ta;x\tb\n", "q a;x b")]
    [InlineData("a.tsv", "prompt\tchosen\trejected\nq\ta\tb\n", "q a b")]
    [InlineData("a.csv", ",prompt,chosen,rejected\n0,q,a,b\n1,r,c,d\n", "q a b|r c d")]
    [InlineData("a.csv", "\"\";\"prompt\";\"chosen\";\"rejected\"\n0;q;\"a;\"\"x\"\"\";b\n", "q a;\"x\" b")]
    [InlineData("a.csv", "prompt,chosen,rejected,x\ty\tz\tw\nq,a,b,c\n", "q a b")]
    [InlineData("a.csv", "prompt,chosen,rejected,x;y;z;w\nq,a,b,c\n", "q a b")]
    [InlineData("a.csv", "prompt , chosen,rejected\nq,a,b\n", "q a b")]
    [InlineData("a.csv", "\"a;b;c;d\",prompt,chosen,rejected\n1,q,a,b\n", "q a b")]
    [InlineData("a.csv", "prompt,completion,label\nq,a,1.0\nq,b,0.0\n", "q a b")]
    [InlineData("a.json", "[" + Row + "]", "q a b")]
    [InlineData("a.json", "{\n \"prompt\": \"q\", \"chosen\": \"a\",\n \"rejected\": \"b\"}", "q a b")]
    [InlineData("a.json", """{"prompt":["q","r"],"chosen":["a","c"],"rejected":["b","d"]}""", "q a b|r c d")]
    [InlineData("a.jsonl", """{"prompt":["q"],"chosen":["a"],"rejected":["b"]}""", "q a b")]
    [InlineData("a.json", """{"prompt":{"0":"q","5":"r"},"chosen":{"0":"a","5":"c"},"rejected":{"0":"b","5":"d"}}""", "q a b|r c d")]
    [InlineData("a.json", """{"0":{"prompt":"q","chosen":"a","rejected":"b"},"1":{"prompt":"r","chosen":"c","rejected":"d"}}""", "q a b|r c d")]
    [InlineData("a.json", """{"columns":["prompt","chosen","rejected"],"index":[0,1],"data":[["q","a","b"],["r","c","d"]]}""", "q a b|r c d")]
    [InlineData("a.json", """{"prompt":{"0":"q","5":"r"},"chosen":{"5":"c","0":"a"},"rejected":{"0":"b","5":"d"}}""", "q a b|r c d")]
    [InlineData("a.jsonl", """{"prompt":"q","chosen":"a","rejected":"b","data":[{"prompt":"x","chosen":"y","rejected":"z"}]}""", "q a b")]
    [InlineData("a.json", "{\"train\":[" + Row + "]}", "q a b")]
    [InlineData("a.json", "{\"version\":\"1\",\"train\":[" + Row + "],\"test\":[]}", "q a b")]
    [InlineData("a.json", """{"train":{"prompt":["q"],"chosen":["a"],"rejected":["b"]}}""", "q a b")]
    [InlineData("a.json", """{"instruction":["q","r"],"output":[["a","b"],["c","d"]]}""", "q a b|r c d")]
    [InlineData("a.json", """{"chosen":[[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]],"rejected":[[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]]}""", "q a b")]
    [InlineData("a.json", """{"prompt":["q"],"chosen":["a"],"rejected":["b"],"system":null}""", "q a b")]
    [InlineData("a.json", """{"version":1,"about":{"authors":[{"name":"x"}]},"train":[{"prompt":"q","chosen":"a","rejected":"b"}]}""", "q a b")]
    [InlineData("a.jsonl", """{"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]}""", "q a b")]
    [InlineData("a.jsonl", """{"messages":[{"role":"user","content":"q"}],"chosen":{"role":"assistant","content":"a"},"rejected":{"role":"assistant","content":"b"}}""", "q a b")]
    public void Reads_rows_in_every_shape(string name, string text, string pairs)
    {
        PreferenceSet set = PreferenceFile.Read(_folder.File(name, text));
        Assert.Equal(pairs, string.Join('|', set.Items.Select(item => $"{Text(item.Prompt)} {Text(item.Chosen[0])} {Text(item.Rejected[0])}")));
    }

    [Theory]
    [InlineData("""{"train":[{"prompt":"q","chosen":"a","rejected":"b"}],"test":[{"prompt":"q","chosen":"a","rejected":"b"}]}""", "holds several splits ('train', 'test'); say which one with the option split")]
    [InlineData("""{"columns":["prompt","chosen"],"data":[["q"]]}""", "is no list of 2 values")]
    [InlineData("""{"prompt":{"0":"q"},"chosen":{"1":"a"},"rejected":{"0":"b"}}""", "does not have the same row numbers in its columns 'prompt' and 'chosen'")]
    public void Refuses_documents_that_are_not_one_table(string text, string problem)
        => Assert.Contains(problem, Assert.Throws<DataFormatException>(() => PreferenceFile.Read(_folder.File("a.json", text))).Message);

    [Fact]
    public void Many_lines_that_each_look_like_a_wrapper_are_rows()
    {
        const string line = """{"data":[1],"prompt":"q","chosen":"a","rejected":"b"}""";
        Assert.Equal(2, PreferenceFile.Read(_folder.File("a.jsonl", line + "\n" + line)).Items.Count);
    }

    [Fact]
    public void The_only_line_of_a_file_of_lines_is_no_wrapper_for_a_list_in_it()
        => Assert.Contains("has the columns question, notes, which no known format has", Assert.Throws<DataFormatException>(() => PreferenceFile.Read(
            _folder.File("a.jsonl", """{"question":"q","notes":[{"prompt":"q","chosen":"a","rejected":"b"}]}"""))).Message);

    private static string Text(IReadOnlyList<Message> messages) => string.Concat(messages.Select(message => message.Content));
}
