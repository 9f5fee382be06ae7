using System.CommandLine;
using SparseRM.Cli.Terminal;
using SparseRM.Errors;
using SparseRM.Sae;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Cli.Commands;

/// <summary><c>sparserm encode</c>: an SAE's activations and reconstruction of given states.</summary>
internal sealed class EncodeCommand : CliCommand
{
    private readonly Option<string> _sae = Choices.Text("--sae", "an SAE's folder or file, of any known format", "PATH", required: true);
    private readonly Option<string> _input = Choices.Text("--input", "safetensors with x [n, d_in], raw residual states; - is standard input", "FILE", required: true);
    private readonly Option<string> _output = Choices.Text("--output", "safetensors with feature_acts [n, d_sae] and recon [n, d_in]", "FILE", required: true);
    private readonly Option<bool> _sparse = new("--sparse") { Description = "in the place of feature_acts: indices [2, m] (row, latent) and values [m]" };

    public EncodeCommand(Session session) : base("encode", "Encode residual states with a sparse autoencoder", session,
        new Example("sparserm encode --sae gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82 --input states.safetensors --output acts.safetensors",
            "dense activations"),
        new Example("sparserm encode --sparse --llama-scope-mode saelens --sae Llama3_1-8B-Base-L15R-8x --input states.safetensors --output acts.safetensors",
            "only what is active"))
    {
        this.AddAll(_sae, _input, _output, _sparse, CommonOptions.LlamaScope, CommonOptions.DType);
        this.AddAll(CommonOptions.Backend, VariantChoice.Option, CommonOptions.Threads);
    }

    protected override void Run(ParseResult args)
    {
        string output = args.GetRequiredValue(_output);
        OutputFile.Probe(output);
        var sae = SaeFormatCatalog.Open(args.GetRequiredValue(_sae), args.GetValue(CommonOptions.LlamaScope));
        float[] x = ReadInput(args.GetRequiredValue(_input), sae);
        using var backend = BackendCatalog.Open(
            args.GetValue(CommonOptions.Backend) ?? "auto", args.GetValue(CommonOptions.Threads) ?? 0, args.Variants());
        Session.SayBackend(args, backend.Description);
        using var encoder = new SaeEncoder(backend, sae, args.Compute(DType.F32) ?? (sae.WEnc.DType == DType.BF16 ? DType.BF16 : DType.F32));
        var rows = Meter.Run(Session, meter => Encode(encoder, x, meter));
        var recon = SaeDecoder.Reconstruct(sae, x, rows);
        List<TensorToWrite> tensors = [TensorToWrite.Singles("recon", recon, rows.Count, sae.DIn)];
        if (args.GetValue(_sparse)) tensors.AddRange(Sparse(rows));
        else tensors.Add(TensorToWrite.Rows("feature_acts", rows.Count, sae.DSae, (index, row) => Scatter(rows[(int)index], row)));
        var metadata = new Dictionary<string, string> { ["format"] = "pt", ["sae_id"] = sae.Id };
        OutputFile.Write(output, () => SafetensorsWriter.Write(output, tensors, metadata));
    }

    /// <summary>A pipe is kept in a temporary file first: a safetensors header points into what follows it, and a pipe cannot be gone back to.</summary>
    private float[] ReadInput(string path, SparseAutoencoder sae)
    {
        if (path != "-") return ReadStates(path, sae);
        string copy = Path.Combine(Path.GetTempPath(), $"sparserm-{Guid.NewGuid():N}.tmp");
        try
        {
            Session.Reading(() =>
            {
                using var file = File.Create(copy);
                using var input = Console.OpenStandardInput();
                input.CopyTo(file);
                return 0;
            });
            return ReadStates(copy, sae);
        }
        catch (ModelFormatException error)
        {
            throw new SparseRMException(error.Message.Replace(copy, path), error);
        }
        finally
        {
            File.Delete(copy);
        }
    }

    private static float[] ReadStates(string path, SparseAutoencoder sae)
    {
        var x = SafetensorsFile.Open(path).Take("x").RequireWeightType();
        if (x.Shape is not [_, var width] || width != sae.DIn)
            throw new ModelFormatException(path, $"tensor \"x\" has shape [{string.Join(", ", x.Shape)}], expected [n, {sae.DIn}], the SAE's d_in");
        return x.ReadSingles();
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
    private static TensorToWrite[] Sparse(List<(int[] Ids, float[] Values)> rows)
    {
        int count = rows.Sum(row => row.Ids.Length), at = 0;
        var (indices, values) = (new long[2 * count], new float[count]);
        for (int row = 0; row < rows.Count; row++)
        {
            for (int i = 0; i < rows[row].Ids.Length; i++, at++)
                (indices[at], indices[count + at], values[at]) = (row, rows[row].Ids[i], rows[row].Values[i]);
        }
        return [TensorToWrite.Integers("indices", indices, 2, count), TensorToWrite.Singles("values", values, count)];
    }
}
