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
        "jsonl with text (already rendered), messages, or prompt and response (also completion); - is standard input", "FILE", required: true);
    private readonly Option<string> _output = Choices.Text("--output", "jsonl with ids and rendered; - or nothing is standard output", "FILE");
    private readonly Option<bool> _skipBad = new("--skip-bad") { Description = "give a bad line \"ids\": null and its error, and go on" };
    private readonly Option<bool> _noBos = new("--no-bos") { Description = "add no BOS; one that the template or the text spells stays" };

    public TokenizeCommand(Session session) : base("tokenize", "Render dialogues by the model's chat template and show their token ids", session,
        new Example("""echo '{"messages": [{"role": "user", "content": "Hello"}]}' | sparserm tokenize --model google/gemma-2-2b-it --input -""",
            "one dialogue"),
        new Example("sparserm tokenize --model tokenizers/llama3 --no-bos --input texts.jsonl --output ids.jsonl",
            "plain texts, with a folder that holds only a tokenizer"))
        => this.AddAll(_model, _input, _output, CommonOptions.ChatTemplate, _noBos, CommonOptions.AddEos, _skipBad);

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
        var lines = new List<Tokenized>();
        var bad = args.GetValue(_skipBad) ? new BadLines() : null;
        foreach (var line in InputLines.Read(Session, path, keepBad: bad is not null))
        {
            Session.Cancel.ThrowIfCancellationRequested();
            var found = new Tokenized(null, null, null);
            bool isGood = InputLines.At(path, line, bad, () => found = Tokenize(tokenizer, template, line, addBos, addEos));
            lines.Add(isGood ? found : new Tokenized(null, null, bad!.Last));
            hasTexts |= line is TextInput;
        }
        Session.TellOfText(hasTexts && !addEos ? tokenizer : null, template);
        bad?.Tell(Session, path);
        Session.WriteData(args.GetValue(_output), stream =>
        {
            foreach (var line in lines) Write(stream, line);
        });
    }

    private static Tokenized Tokenize(ModelTokenizer tokenizer, ChatTemplate? template, ScoreInput line, bool addBos, bool addEos)
    {
        if (line is TextInput text) return new(tokenizer.Encode(text.Text, addBos, addEos), text.Text, null);
        if (InputLines.Dialogue(line) is not { } dialogue) throw new SparseRMException("has ids already");
        if (template is null)
            throw new SparseRMException($"the model has no chat template; name one with --chat-template ({string.Join(", ", ChatTemplate.Names)} or a file)");
        var encoded = tokenizer.Encode(template.Render(dialogue, arguments: line.Arguments));
        bool wasAdded = encoded.Ids.Length > 0 && encoded.Ids[0] == tokenizer.BosId
            && !encoded.Text.StartsWith(tokenizer.BosToken!, StringComparison.Ordinal);
        return new(!addBos && wasAdded ? encoded.Ids[1..] : encoded.Ids, encoded.Text, null);
    }

    private static void Write(Stream stream, Tokenized line)
    {
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (line.Ids is { } ids)
            {
                json.WriteStartArray("ids");
                foreach (int id in ids) json.WriteNumberValue(id);
                json.WriteEndArray();
                json.WriteString("rendered", line.Text);
            }
            else
            {
                json.WriteNull("ids");
                json.WriteString("error", line.Error);
            }
            json.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
    }

    /// <summary>The tokens of a line, or why it has none.</summary>
    private sealed record Tokenized(int[]? Ids, string? Text, string? Error);
}
