using System.Globalization;
using System.Text;
using Google.Protobuf;
using SparseRM.Text;
using static SparseRM.Fuzz.FuzzReader;

namespace SparseRM.Fuzz;

/// <summary>Readers of tokenizers and chat templates.</summary>
internal static class TextReaders
{
    private static readonly string[] s_texts = ["", "a b", "  The <s>answer</s> is 12345.\r\n\n", "\u00e9e\u0301 \u65e5\u672c \U0001D538\U0001F600 \u2581x", "ab ab <think>ab"];

    private static readonly Message[] s_dialogue =
        [new("system", "Be brief."), new("user", "What is <b>2</b> + 2?"), new("assistant", "Four. {{ 7 * 7 }}")];

    private static readonly byte[] s_vocabulary = Seed(Json(
        """{"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}""", "null", ""));

    /// <summary>The readers.</summary>
    public static FuzzReader[] All { get; } =
    [
        new("tokenizer-json", "tokenizer.json", ReadTokenizer, s_vocabulary, ByteLevel(), Seed(Json("null", """{"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": true}""",
            """, "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]}""")))
        {
            Words = ["Sequence", "NFC", "Prepend", "Replace", "String", "Regex", "Split", "Digits", "individual_digits", "Punctuation", "ByteLevel", "Metaspace", "behavior", "Isolated", "Removed",
                "MergedWithNext", "invert", "prepend_scheme", "always", "never", "add_prefix_space", "use_regex", "single_word", "lstrip", "rstrip", "normalized", "special", "byte_fallback",
                "ignore_merges", "unk_token", "fuse_unk", "dropout", "(a+)+", "\\\\p{L}", "[^\\\\s]", "(?i:'s)", "(?!\\\\S)", "{1,3}", "RobertaProcessing", "sep", "cls"],
        },
        new("tokenizer-config", "tokenizer_config.json", ReadTokenizer,
            Seed("""{"bos_token": "<s>", "eos_token": {"content": "<x>"}, "add_bos_token": true, "add_eos_token": false, "added_tokens_decoder": {"1": {"content": "<s>", "special": true}, "9": {"content": "<x>", "lstrip": true} } , "additional_special_tokens": ["<x>"], "chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"}"""))
        {
            Words = ["bos_token", "eos_token", "added_tokens_decoder", "content", "special", "<s>", "ab", "chat_template", "name", "default", "template"],
            Beside = [("tokenizer.json", s_vocabulary)],
        },
        new("sentencepiece", "tokenizer.model", ReadTokenizer, SentencePiece()) { Words = ["<0x41>", "\u2581", "ab", "<s>"] },
        new("tiktoken", "tokenizer.model", ReadTokenizer, Ranks()) { Words = ["IQ==", "YWI=", " 256", "=", "\n"] },
        new("jinja", "chat_template.jinja", path => ChatTemplate.FromFolder(Path.GetDirectoryName(path)!), [.. Templates()]) { Words = s_jinja },
        new("jinja-render", "chat_template.jinja", path => ChatTemplate.FromFolder(Path.GetDirectoryName(path)!)!.Render(s_dialogue, addGenerationPrompt: true), [.. Templates()]) { Words = s_jinja },
    ];

    private static string[] s_jinja =>
    [
        "{%", "%}", "{{", "}}", "{%-", "-%}", "{#", "#}", "for", "in", "if", "else", "elif", "endif", "endfor", "set", "macro", "endmacro", "call", "filter", "namespace", "loop", "loop.index0", "loop.cycle",
        "messages", "range(99999)", "map", "selectattr", "tojson", "join", "* 99999", "~", "is", "not", "defined", "|", "recursive", "loop(", "raise_exception", "strftime_now", "[::-1]", "**", "//", "caller()",
    ];

    private static string Json(string normalizer, string preTokenizer, string more) => $$"""
        {"normalizer": {{normalizer}}, "pre_tokenizer": {{preTokenizer}},
         "added_tokens": [{"id": 1, "content": "<s>", "special": true}, {"id": 8, "content": "<think>", "normalized": true, "single_word": true}]{{more}},
         "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "vocab": {"<unk>": 0, "<s>": 1, "a": 2, "b": 3, "c": 4, "\u2581": 5, "ab": 6, "\u2581a": 7},
          "merges": [["a", "b"], "\u2581 a"]} }
        """;

    private static byte[] ByteLevel()
    {
        var vocabulary = new StringBuilder();
        for (int b = 0, next = 256; b < 256; b++)
        {
            char c = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF) ? (char)b : (char)next++;
            vocabulary.Append(CultureInfo.InvariantCulture, $"\"\\u{(int)c:x4}\": {b}, ");
        }
        return Seed($$"""
            {"normalizer": {"type": "NFC"}, "added_tokens": [{"id": 257, "content": "<s>", "special": true, "lstrip": true, "rstrip": true}],
             "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s+(?!\\S)|(?i:'s|'ll)"}, "behavior": "Isolated", "invert": false},
              {"type": "Digits", "individual_digits": true}, {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]},
             "model": {"type": "BPE", "ignore_merges": true, "vocab": { {{vocabulary}}"ab": 256}, "merges": ["a b"]} }
            """);
    }

    private static void ReadTokenizer(string path)
    {
        var tokenizer = ModelTokenizer.Load(Path.GetDirectoryName(path)!);
        foreach (string text in s_texts)
            foreach (int id in tokenizer.Encode(text, addEos: tokenizer.LastId is not null))
                if ((uint)id >= (uint)tokenizer.VocabularySize) throw new InvalidOperationException($"id {id} is outside the vocabulary of {tokenizer.VocabularySize}");
        _ = tokenizer.Fingerprint;
        _ = tokenizer.TokenText(tokenizer.VocabularySize - 1);
    }

    private static byte[] Ranks() => Seed(string.Concat(Enumerable.Range(0, 258).Select(rank =>
        $"{Convert.ToBase64String(rank < 256 ? [(byte)rank] : rank == 256 ? "ab"u8.ToArray() : "abc"u8.ToArray())} {rank}\n")));

    private static byte[] SentencePiece()
    {
        using var file = new MemoryStream();
        using var output = new CodedOutputStream(file);
        (string Text, int Type)[] pieces = [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("\u2581", 1), ("a", 1), ("b", 1), ("ab", 1), ("\u2581a", 1), ("  ", 4)];
        for (int i = 0; i < pieces.Length; i++)
            Message(output, 0x0A, inner =>
            {
                inner.WriteRawTag(0x0A);
                inner.WriteString(pieces[i].Text);
                inner.WriteRawTag(0x15);
                inner.WriteFloat(-i);
                inner.WriteRawTag(0x18);
                inner.WriteEnum(pieces[i].Type);
            });
        Message(output, 0x12, inner =>
        {
            inner.WriteRawTag(0x18);
            inner.WriteEnum(2);
        });
        Message(output, 0x1A, inner =>
        {
            inner.WriteRawTag(0x20);
            inner.WriteBool(false);
        });
        output.Flush();
        return file.ToArray();
    }

    private static void Message(CodedOutputStream output, byte tag, Action<CodedOutputStream> write)
    {
        using var content = new MemoryStream();
        using var inner = new CodedOutputStream(content);
        write(inner);
        inner.Flush();
        output.WriteRawTag(tag);
        output.WriteBytes(ByteString.CopyFrom(content.ToArray()));
    }

    private static IEnumerable<byte[]> Templates()
    {
        yield return Seed("{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' }}{{ message['content'] | trim }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}");
        yield return Seed("""
            {%- macro turn(m, last=false) %}<{{ m.role }}>{{ m.content if m.content is string else m.content | tojson(indent=2) }}{% if not last %}</{{ m.role | upper }}>{% endif %}{% endmacro -%}
            {%- set ns = namespace(system='', n=0) -%}
            {%- for m in messages if m.role != 'system' -%}
              {%- set ns.n = ns.n + 1 -%}{{ turn(m, loop.last) }}{{ loop.index0 ~ '/' ~ loop.length }}
            {%- else -%}{{ raise_exception('no messages') }}{%- endfor -%}
            {{ messages | map(attribute='role') | join(', ') }}{{ messages[::-1][0].content.split(' ')[:2] | join('_') }}{{ range(3) | join }}
            """);
        foreach (string name in (string[])["llama3_1", "qwen3", "gemma3"])
            yield return Seed(ChatTemplate.Named(name, new()).Source);
    }
}
