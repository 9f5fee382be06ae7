using SparseRM.Data;
using static SparseRM.Fuzz.FuzzReader;

namespace SparseRM.Fuzz;

/// <summary>Readers of preference data and of inputs to be scored.</summary>
internal static class DataReaders
{
    private static readonly string[] s_words =
    [
        "prompt", "chosen", "rejected", "question", "messages", "role", "content", "user", "assistant", "system", "label", "completion", "response", "responses", "text", "ids", "instruction",
        "input", "output", "\\n\\nHuman: ", "\\n\\nAssistant: ", "\n\nHuman:", "better_response_id", "score", "conversations", "from", "value", "\"\"", "\t", ";",
    ];

    /// <summary>The readers.</summary>
    public static FuzzReader[] All { get; } =
    [
        Preferences("jsonl", "pairs.jsonl",
            Seed("""
                {"prompt": "What is 2 + 2?", "chosen": "Four.", "rejected": "Five."}
                {"prompt": [{"role": "user", "content": "Hi"}], "chosen": [{"role": "assistant", "content": "Hello"}], "rejected": [{"role": "assistant", "content": "No"}]}

                """),
            Seed("""{"chosen": "\n\nHuman: Hi\n\nAssistant: Hello there", "rejected": "\n\nHuman: Hi\n\nAssistant: Go away"}""" + "\n"),
            Seed("""{"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}], "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "No"}]}""" + "\n"),
            Seed("""{"prompt": "p", "completion": "good", "label": true}""" + "\n" + """{"prompt": "p", "completion": "bad", "label": false}""" + "\n")),
        Preferences("json", "pairs.json", Seed("""[{"prompt": "What is 2 + 2?", "chosen": "Four.", "rejected": "Five."}, {"prompt": "And 3?", "chosen": "Six.", "rejected": "Ten."}]""")),
        Preferences("csv", "pairs.csv", Seed("prompt,chosen,rejected\n\"What is \"\"2\"\" + 2?\",Four.,Five.\nq,\"a\nb\",c\n")),
        Preferences("parquet", "pairs.parquet", File("pairs.parquet")),
        new("score-input", "answers.jsonl", path => ScoreInputFile.Read(path).Count(),
            Seed("""
                {"prompt": "What is 2 + 2?", "response": "Four."}
                {"prompt": "What is 2 + 2?", "responses": ["Four.", "Five."]}
                {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
                {"text": "rendered"}
                {"ids": [1, 2, 3]}

                """)) { Words = s_words },
    ];

    private static FuzzReader Preferences(string name, string file, params byte[][] seeds) =>
        new(name, file, path => PreferenceFile.Read(path), seeds) { Words = s_words };
}
