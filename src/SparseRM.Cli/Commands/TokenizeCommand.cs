using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Text;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm tokenize</c>: what a model would see.</summary>
internal sealed class TokenizeCommand : CliCommand
{
    private readonly Option<string> _model =
        Choices.Text("--model", "a folder with a tokenizer, or a hub id in the local Hugging Face cache", "FOLDER|ID", required: true);
    private readonly Option<string> _input = Choices.Text("--input",
        "jsonl with text (already rendered), messages, or prompt and response; - is standard input", "FILE", required: true);
    private readonly Option<string> _output = Choices.Text("--output", "jsonl with ids and rendered; - or nothing is standard output", "FILE");
    private readonly Option<bool> _noBos = new("--no-bos") { Description = "add no BOS; one that the template or the text spells stays" };

    public TokenizeCommand(Session session) : base("tokenize", "Render dialogues by the model's chat template and show their token ids", session,
        new Example("""echo '{"messages": [{"role": "user", "content": "Hello"}]}' | sparserm tokenize --model google/gemma-2-2b-it --input -""",
            "one dialogue"),
        new Example("sparserm tokenize --model tokenizers/llama3 --no-bos --input texts.jsonl --output ids.jsonl",
            "plain texts, with a folder that holds only a tokenizer"))
        => this.AddAll(_model, _input, _output, CommonOptions.ChatTemplate, _noBos, CommonOptions.AddEos);

    protected override void Run(ParseResult args)
    {
        string path = args.GetRequiredValue(_input);
        OutputFile.Probe(args.GetValue(_output), OutputKind.Ids, ("--input", path));
        string folder = ModelFolder.Resolve(args.GetRequiredValue(_model));
        var tokenizer = ModelTokenizer.Load(folder);
        var template = args.GetValue(CommonOptions.ChatTemplate) is { } name
            ? ChatTemplate.Named(name, tokenizer.SpecialTokens)
            : ChatTemplate.FromFolder(folder);
        bool addBos = !args.GetValue(_noBos), addEos = args.GetValue(CommonOptions.AddEos), hasTexts = false;
        var lines = new List<(int[] Ids, string Text)>();
        foreach (var line in InputLines.Read(Session, path, allowEmpty: true))
        {
            Session.Cancel.ThrowIfCancellationRequested();
            lines.Add(InputLines.At(path, line, () => Tokenize(tokenizer, template, line, addBos, addEos)));
            hasTexts |= line is TextInput;
        }
        Session.TellOfText(hasTexts && !addEos ? tokenizer : null, template);
        Session.WriteData(args.GetValue(_output), stream =>
        {
            foreach (var (ids, text) in lines) Write(stream, ids, text);
        });
    }

    private static (int[] Ids, string Text) Tokenize(ModelTokenizer tokenizer, ChatTemplate? template, ScoreInput line, bool addBos, bool addEos)
    {
        if (line is TextInput text) return (tokenizer.Encode(text.Text, addBos, addEos), text.Text);
        if (InputLines.Dialogue(line) is not { } dialogue) throw new SparseRMException("has ids already");
        if (template is null)
            throw new SparseRMException($"the model has no chat template; name one with --chat-template ({string.Join(", ", ChatTemplate.Names)} or a file)");
        var encoded = tokenizer.Encode(template.Render(dialogue, arguments: line.Arguments));
        bool wasAdded = encoded.Ids.Length > 0 && encoded.Ids[0] == tokenizer.BosId
            && !encoded.Text.StartsWith(tokenizer.BosToken!, StringComparison.Ordinal);
        return (!addBos && wasAdded ? encoded.Ids[1..] : encoded.Ids, encoded.Text);
    }

    private static void Write(Stream stream, int[] ids, string text)
    {
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteStartArray("ids");
            foreach (int id in ids) json.WriteNumberValue(id);
            json.WriteEndArray();
            json.WriteString("rendered", text);
            json.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
    }
}
