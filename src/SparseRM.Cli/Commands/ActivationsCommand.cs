using System.CommandLine;
using System.Runtime.InteropServices;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm activations</c>: the residual stream of every token.</summary>
internal sealed class ActivationsCommand : CliCommand
{
    private readonly Option<int[]> _layers = Choices.WholeNumbers("--layers", "blocks after which the residual stream is taken, 0-based");
    private readonly Option<string> _input = Choices.Text("--input",
        "jsonl with ids (used as they are), text (already rendered), messages, or prompt and response (also completion); - is standard input", "FILE", required: true);
    private readonly Option<string> _output = Choices.Text("--output",
        "safetensors with block.{layer}.resid_post.{row} [tokens, d_model], row = 0-based input line; encode reads it; - is standard output", "FILE", required: true);

    private readonly Option<bool> _skipBad = new("--skip-bad") { Description = "leave bad lines out and count them; the other tensors keep the numbers of their lines" };

    public ActivationsCommand(Session session) : base("activations", "Write the residual stream of every token after chosen blocks", session,
        new Example("sparserm activations --model google/gemma-2-2b-it --layers 12 --input texts.jsonl --output states.safetensors", "HF's hidden_states[13]"),
        new Example("""echo '{"ids": [1, 5, 9]}' | sparserm activations --model tiny --layers 0,1 --input - --output states.safetensors""",
            "ids, no tokenizer needed"))
    {
        _layers.Required = true;
        this.AddAll(CommonOptions.Model, _layers, _input, _output, CommonOptions.ChatTemplate, CommonOptions.Truncate, CommonOptions.AddEos, _skipBad, CommonOptions.DType);
        this.AddAll(CommonOptions.Running);
    }

    protected override void Run(ParseResult args)
    {
        int[] layers = [.. args.GetRequiredValue(_layers).Distinct().Order()];
        string path = args.GetRequiredValue(_input), output = args.GetRequiredValue(_output);
        OutputFile.Probe(output, OutputKind.States, ("--input", path));
        Recognised.RefuseSwapped(args.GetValue(CommonOptions.Model), null);
        bool addEos = args.GetValue(CommonOptions.AddEos);
        var bad = args.GetValue(_skipBad) ? new BadLines() : null;
        var lines = InputLines.Read(Session, path, keepBad: bad is not null);
        var options = args.Backbone(DType.F32) with
        {
            // Cutting on the left keeps the BOS, which only the tokenizer knows.
            IdsOnly = lines.All(line => line is IdsInput or BadInput) && !args.Has(CommonOptions.Truncate),
        };
        Meter.Run(Session, meter =>
        {
            using var backbone = Backbone.Open(options, layers[^1], meter.Stage("loading blocks", layers[^1] + 1), Session.Cancel);
            Session.SayBackend(args, backbone.Description);
            var sequences = new List<(long Row, TokenSequence Tokens)>();
            foreach (var line in lines)
                InputLines.At(path, line, bad, () => sequences.Add((line.Line - 1, Sequence(backbone, line, addEos))));
            bad?.Tell(Session, path);
            if (sequences.Count == 0) throw new DataFormatException(path, 0, "has no line that can be read");
            Session.TellOfText(backbone, !addEos && lines.Any(line => line is TextInput));
            if (backbone.Encoder.CutInputs > 0) Session.Warn($"inputs of {path} that were cut to the model's context of {backbone.Config.NCtx} tokens: {backbone.Encoder.CutInputs}");
            using var scratch = new Scratch();
            var progress = meter.Stage("running", sequences.Count);
            for (int i = 0; i < sequences.Count; i++)
            {
                Session.Cancel.ThrowIfCancellationRequested();
                var (row, tokens) = sequences[i];
                foreach (var (layer, states) in backbone.ReadLayers(tokens, layers, Session.Cancel))
                    scratch.Add($"block.{layer}.resid_post.{row}", states, backbone.DModel);
                progress.Report(i + 1);
            }
            Session.WriteFile(output, file => SafetensorsWriter.Write(file, scratch.Tensors,
                new Dictionary<string, string> { ["format"] = "pt", [StateTensors.Key] = "activations" }));
            return 0;
        });
    }

    private static TokenSequence Sequence(Backbone backbone, ScoreInput line, bool addEos)
    {
        var encoder = backbone.Encoder;
        var input = line switch
        {
            IdsInput ids => encoder.EncodeIds((int[])[.. ids.Ids]),
            TextInput text => encoder.EncodeText(text.Text, addEos),
            _ => encoder.Encode(InputLines.Dialogue(line)!, line.Arguments),
        };
        return new(input.Ids, ReadOut.Each(0, input.Ids.Length));
    }

    /// <summary>Keeps states on disk until all shapes are known: a safetensors header comes first and orders tensors by name.</summary>
    private sealed class Scratch : IDisposable
    {
        private readonly FileStream _file = new(Path.Combine(Path.GetTempPath(), $"sparserm-{Guid.NewGuid():N}.tmp"),
            new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Options = FileOptions.DeleteOnClose, BufferSize = 0 });

        public List<TensorToWrite> Tensors { get; } = [];

        public void Add(string name, float[] values, int columns)
        {
            long start = _file.Position;
            OutputFile.Write(_file.Name, () => _file.Write(MemoryMarshal.AsBytes<float>(values)));
            Tensors.Add(TensorToWrite.Rows(name, values.Length / columns, columns, (index, row) =>
            {
                _file.Position = start + index * columns * sizeof(float);
                _file.ReadExactly(MemoryMarshal.AsBytes(row));
            }));
        }

        public void Dispose() => _file.Dispose();
    }
}
