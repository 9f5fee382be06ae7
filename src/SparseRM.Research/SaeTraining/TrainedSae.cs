using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Sae.Formats;
using SparseRM.Weights;

namespace SparseRM.Research.SaeTraining;

/// <summary>Which files an SAE is saved as.</summary>
public enum SaeFileFormat
{
    /// <summary><c>cfg.json</c> and <c>sae_weights.safetensors</c>, of SAELens 6.</summary>
    SaeLens,
    /// <summary><c>params.npz</c> as Gemma Scope's, with a <c>config.json</c> as Gemma Scope 2's, which says model and layer.</summary>
    GemmaScope,
}

/// <summary>A trained SAE in the units of the residual stream: p = x · W_encᵀ + b_enc, recon = sum of a_j W_dec[j] + b_dec; directions have norm 1.</summary>
internal sealed class TrainedSae
{
    private readonly SaeParameters _parameters;
    private readonly SaeTrainingOptions _options;
    private readonly float[] _bEnc, _bDec;
    private readonly float[]? _threshold;

    /// <summary>Undoes the units of training, with sums in float64.</summary>
    /// <param name="parameters">What was learned.</param>
    /// <param name="options">How.</param>
    /// <param name="norm">The units.</param>
    /// <param name="batchThreshold">What stands for the batch's choice in BatchTopK and Matryoshka.</param>
    public TrainedSae(SaeParameters parameters, SaeTrainingOptions options, StateNorm norm, double batchThreshold)
    {
        (_parameters, _options) = (parameters, options);
        int depth = parameters.Depth;
        _bEnc = new float[parameters.Width];
        for (int j = 0; j < _bEnc.Length; j++)
        {
            double shift = 0;
            for (int i = 0; i < parameters.DIn; i++) shift += (double)parameters.WEnc.Values[(j * depth) + i] * norm.Mean[i];
            _bEnc[j] = (float)((parameters.BEnc.Values[j] / (double)norm.Scale) - shift);
        }
        _bDec = [.. Enumerable.Range(0, parameters.DIn).Select(i => (float)((parameters.BDec.Values[i] / (double)norm.Scale) + norm.Mean[i]))];
        _threshold = options.Architecture switch
        {
            SaeArchitecture.TopK => null,
            SaeArchitecture.JumpRelu => Array.ConvertAll(parameters.Threshold.Values, value => (float)(value / (double)norm.Scale)),
            _ => [.. Enumerable.Repeat((float)(batchThreshold / norm.Scale), parameters.Width)],
        };
    }

    /// <summary>Whether a folder holds an SAE of either format.</summary>
    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, SaeLens.WeightsFile)) || File.Exists(Path.Combine(folder, GemmaScope.ArraysFile));

    /// <summary>Refuses what a format cannot say.</summary>
    public static void Check(SaeArchitecture architecture, SaeFileFormat format)
    {
        if (format == SaeFileFormat.GemmaScope && architecture == SaeArchitecture.TopK)
            throw new SparseRMException(ErrorKind.Usage, "Gemma Scope's files have a threshold and no k, so a topk SAE cannot be saved as one; save it as saelens, or train batchtopk");
    }

    /// <summary>Writes both files, or leaves neither.</summary>
    /// <exception cref="SparseRMException">One cannot be written.</exception>
    public void Save(string folder, SaeFileFormat format, string model, int layer)
    {
        bool isLens = format == SaeFileFormat.SaeLens;
        string config = Path.Combine(folder, isLens ? SaeLens.ConfigFile : GemmaScope.ConfigFile);
        try
        {
            AtomicFile.Write(config, stream =>
            {
                using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" });
                if (isLens) WriteLens(json, model, layer);
                else WriteScope(json, model, layer);
            });
            // Last: by this file the folder is known to hold an SAE.
            if (isLens) SafetensorsWriter.Write(Path.Combine(folder, SaeLens.WeightsFile), Tensors());
            else NpzWriter.Write(Path.Combine(folder, GemmaScope.ArraysFile), Tensors());
        }
        catch (SparseRMException)
        {
            File.Delete(config);
            throw;
        }
    }

    private TensorToWrite[] Tensors()
    {
        int width = _parameters.Width, dIn = _parameters.DIn, depth = _parameters.Depth;
        var (wEnc, wDec) = (_parameters.WEnc.Values, _parameters.WDec.Values);
        TensorToWrite[] tensors =
        [
            TensorToWrite.Rows("W_enc", dIn, width, (i, row) =>
            {
                for (int j = 0; j < width; j++) row[j] = wEnc[(j * depth) + (int)i];
            }),
            TensorToWrite.Rows("W_dec", width, dIn, (j, row) => wDec.AsSpan((int)j * depth, dIn).CopyTo(row)),
            TensorToWrite.Singles("b_enc", _bEnc, width),
            TensorToWrite.Singles("b_dec", _bDec, dIn),
        ];
        return _threshold is null ? tensors : [.. tensors, TensorToWrite.Singles("threshold", _threshold, width)];
    }

    private void WriteLens(Utf8JsonWriter json, string model, int layer)
    {
        bool isTopK = _options.Architecture == SaeArchitecture.TopK;
        json.WriteStartObject();
        json.WriteString("architecture", isTopK ? "topk" : "jumprelu");
        json.WriteNumber("d_in", _parameters.DIn);
        json.WriteNumber("d_sae", _parameters.Width);
        if (isTopK)
        {
            json.WriteNumber("k", (int)_options.Active);
            json.WriteBoolean("rescale_acts_by_decoder_norm", false);
        }
        json.WriteString("dtype", "float32");
        json.WriteString("device", "cpu");
        json.WriteBoolean("apply_b_dec_to_input", false);
        json.WriteString("normalize_activations", "none");
        json.WriteString("reshape_activations", "none");
        json.WriteStartObject("metadata");
        json.WriteString("model_name", model);
        json.WriteString("hook_name", $"blocks.{layer}.hook_resid_post");
        json.WriteNumber("context_size", _options.ContextTokens);
        json.WriteString("training_architecture", SaeTrainingOptions.NameOf(_options.Architecture));
        json.WriteNumber("training_tokens", _options.Tokens);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteScope(Utf8JsonWriter json, string model, int layer)
    {
        json.WriteStartObject();
        json.WriteString("type", "sae");
        json.WriteString("architecture", "jump_relu");
        json.WriteString("model_name", model);
        json.WriteString("hf_hook_point_in", $"model.layers.{layer}.output");
        json.WriteString("hf_hook_point_out", $"model.layers.{layer}.output");
        json.WriteNumber("width", _parameters.Width);
        json.WriteNumber("l0", _options.Active);
        json.WriteBoolean("affine_connection", false);
        json.WriteEndObject();
    }
}
