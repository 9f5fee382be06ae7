using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Data.Containers;
using SparseRM.Errors;
using SparseRM.Sae;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm encode</c>: an SAE's activations and reconstruction of given states.</summary>
internal sealed class EncodeCommand : CliCommand
{
    private const string Usual = "x";

    private readonly Option<string> _sae = Choices.Text("--sae", "an SAE's folder, file or hub id, of any known format", "PATH", required: true);
    private readonly Option<string> _input = Choices.Text("--input", "safetensors with residual states [n, d_in], such as activations writes; - is standard input", "FILE", required: true);
    private readonly Option<string> _output = Choices.Text("--output", "safetensors with feature_acts [n, d_sae] and recon [n, d_in], under NAME. where several tensors are encoded; - is standard output", "FILE", required: true);
    private readonly Option<string[]> _tensors = new("--tensor")
    {
        Description = "the tensor to encode; may be given several times (default: x where there is one, else every tensor [n, d_in])",
        HelpName = "NAME",
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<bool> _sparse = new("--sparse") { Description = "in the place of feature_acts: indices [2, m] (row, latent) and values [m]" };

    public EncodeCommand(Session session) : base("encode", "Encode residual states with a sparse autoencoder", session,
        new Example("sparserm encode --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --input states.safetensors --output acts.safetensors",
            "dense activations"),
        new Example("sparserm encode --sparse --llama-scope-mode saelens --sae Llama3_1-8B-Base-L15R-8x --input states.safetensors --output acts.safetensors",
            "only what is active"))
    {
        this.AddAll(_sae, _input, _output, _tensors, _sparse, CommonOptions.LlamaScope, CommonOptions.DType);
        this.AddAll(CommonOptions.Backend, VariantChoice.Option, CommonOptions.Threads);
    }

    protected override void Run(ParseResult args)
    {
        if (args.Compute(null) == DType.I8) throw new UsageException("--dtype int8 is for models: an SAE encodes in f32 or bf16");
        string output = args.GetRequiredValue(_output), input = args.GetRequiredValue(_input), path = args.GetRequiredValue(_sae);
        OutputFile.Probe(output, OutputKind.Activations, ("--input", input), ("--sae", path));
        Recognised.RefuseSwapped(null, path);
        var sae = SaeFormatCatalog.Open(path, args.GetValue(CommonOptions.LlamaScope));
        var states = ReadInput(input, sae, args.GetValue(_tensors) ?? []);
        using var backend = BackendCatalog.Open(
            args.GetValue(CommonOptions.Backend) ?? "auto", args.GetValue(CommonOptions.Threads) ?? 0, args.Variants());
        Session.SayBackend(args, backend.Description);
        using var encoder = new SaeEncoder(backend, sae, args.Compute(DType.F32) ?? (sae.WEnc.DType == DType.BF16 ? DType.BF16 : DType.F32));
        var tensors = new List<TensorToWrite>();
        foreach (var (name, x) in states)
        {
            string prefix = states.Count > 1 ? $"{name}." : "";
            var rows = Meter.Run(Session, meter => Encode(encoder, x, meter));
            tensors.Add(TensorToWrite.Singles(prefix + "recon", SaeDecoder.Reconstruct(sae, x, rows), rows.Count, sae.DIn));
            if (args.GetValue(_sparse)) tensors.AddRange(Sparse(prefix, rows));
            else tensors.Add(TensorToWrite.Rows(prefix + "feature_acts", rows.Count, sae.DSae, (index, row) => Scatter(rows[(int)index], row)));
        }
        var metadata = new Dictionary<string, string> { ["format"] = "pt", ["sae_id"] = sae.Id, [StateTensors.Key] = "encode" };
        Session.WriteFile(output, file => SafetensorsWriter.Write(file, tensors, metadata));
    }

    /// <summary>A pipe is kept in a temporary file first: a safetensors header points into what follows it, and a pipe cannot be gone back to.</summary>
    private List<(string Name, float[] States)> ReadInput(string path, SparseAutoencoder sae, string[] names)
    {
        if (path != "-") return ReadStates(path, sae, names);
        string copy = Path.Combine(Path.GetTempPath(), $"sparserm-{Guid.NewGuid():N}.tmp");
        try
        {
            Session.Reading(() =>
            {
                using var file = File.Create(copy);
                using var input = StandardInput.Open();
                input.CopyTo(file);
                return 0;
            });
            return ReadStates(copy, sae, names);
        }
        catch (ModelFormatException error)
        {
            throw new SparseRMException(error.Message.Replace(copy, path), error);
        }
        catch (IOException error)
        {
            throw new DataFormatException(path, 0, $"cannot be read ({error.Message})");
        }
        finally
        {
            File.Delete(copy);
        }
    }

    private static List<(string Name, float[] States)> ReadStates(string path, SparseAutoencoder sae, string[] names)
    {
        var file = SafetensorsFile.Open(path);
        string[] all = [.. file.Names.Order(StringComparer.Ordinal)];
        if (names.FirstOrDefault(name => !all.Contains(name)) is { } missing)
            throw new ModelFormatException(path, $"has no tensor \"{missing}\"; it has {Shown(file, all)}");
        if (names.Length == 0 && all.Contains(Usual)) names = [Usual];
        string[] fitting = names.Length > 0 ? [.. names.Distinct()] : [.. all.Where(name => file.Take(name).Shape is [_, var width] && width == sae.DIn)];
        if (fitting.Length == 0) throw new ModelFormatException(path, $"has no tensor of shape [n, {sae.DIn}], the SAE's d_in; it has {Shown(file, all)}");
        return [.. fitting.Select(name =>
        {
            var x = file.Take(name).RequireWeightType();
            if (x.Shape is not [_, var width] || width != sae.DIn)
                throw new ModelFormatException(path, $"tensor \"{name}\" has shape [{string.Join(", ", x.Shape)}], expected [n, {sae.DIn}], the SAE's d_in");
            return (name, x.ReadSingles());
        })];
    }

    private static string Shown(SafetensorsFile file, string[] names)
    {
        const int most = 8;
        string more = names.Length > most ? $" and {names.Length - most} more" : "";
        return names.Length == 0 ? "none" : string.Join(", ", names.Take(most).Select(name => $"\"{name}\" [{string.Join(", ", file.Take(name).Shape)}]")) + more;
    }

    private List<(int[] Ids, float[] Values)> Encode(SaeEncoder encoder, float[] x, Meter meter)
    {
        const int blockRows = 256;
        int dIn = encoder.Sae.DIn, count = x.Length / dIn;
        var rows = new List<(int[], float[])>(count);
        var progress = meter.Stage("encoding", count);
        for (int start = 0; start < count; start += blockRows)
        {
            Session.Cancel.ThrowIfCancellationRequested();
            encoder.Encode(x.AsSpan(start * dIn, Math.Min(blockRows, count - start) * dIn),
                (_, latents, values) => rows.Add((latents.ToArray(), values.ToArray())));
            progress.Report(rows.Count);
        }
        return rows;
    }

    private static void Scatter((int[] Ids, float[] Values) latents, Span<float> row)
    {
        row.Clear();
        for (int i = 0; i < latents.Ids.Length; i++) row[latents.Ids[i]] = latents.Values[i];
    }

    // As torch.sparse_coo_tensor takes them.
    private static TensorToWrite[] Sparse(string prefix, List<(int[] Ids, float[] Values)> rows)
    {
        int count = rows.Sum(row => row.Ids.Length), at = 0;
        var (indices, values) = (new long[2 * count], new float[count]);
        for (int row = 0; row < rows.Count; row++)
        {
            for (int i = 0; i < rows[row].Ids.Length; i++, at++)
                (indices[at], indices[count + at], values[at]) = (row, rows[row].Ids[i], rows[row].Values[i]);
        }
        return [TensorToWrite.Integers(prefix + "indices", indices, 2, count), TensorToWrite.Singles(prefix + "values", values, count)];
    }
}
