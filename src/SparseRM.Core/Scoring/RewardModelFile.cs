using System.Globalization;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Scoring;

/// <summary>A reward model as one safetensors file: directions and head as tensors, all that scoring must check as metadata strings.</summary>
/// <remarks>
/// Tensors (F32 unless said): <c>directions</c> [n, d_model]; <c>latents</c>, <c>signs</c>, <c>chosen_counts</c>, <c>rejected_counts</c> I64 [n];
/// <c>gates.encoder</c> [n, d_model] and <c>gates.{gate_bias,threshold,scale,magnitude_bias}</c> [n]; <c>head.W1</c> [hidden, n], <c>head.b1</c>, <c>head.W2</c> [hidden],
/// <c>head.b2</c> [1]; <c>mean_input</c> [n]. Which of them there are follows from the kind of input. The same model gives the same bytes.
/// </remarks>
public static class RewardModelFile
{
    /// <summary>Value of the metadata key <c>format</c>.</summary>
    public const string Format = "sparserm-reward-model";

    /// <summary>The version that this engine writes and reads.</summary>
    public const string FormatVersion = "1";

    /// <summary>Writes under a temporary name in the same folder, then renames.</summary>
    /// <exception cref="SparseRMException">The file cannot be written; nothing is left behind.</exception>
    public static void Save(string path, RewardModel model)
    {
        var (input, head) = (model.Input, model.Head);
        var tensors = new List<TensorToWrite>
        {
            TensorToWrite.Singles("head.W1", head.W1, head.HiddenUnits, head.InputCount),
            TensorToWrite.Singles("head.b1", head.B1, head.HiddenUnits),
            TensorToWrite.Singles("head.W2", head.W2, head.HiddenUnits),
            TensorToWrite.Singles("head.b2", new[] { head.B2 }, 1),
            TensorToWrite.Singles("mean_input", model.MeanInput, input.Count),
        };
        if (input.Directions.Length > 0) tensors.Add(TensorToWrite.Singles("directions", input.Directions, input.Count, input.DModel));
        if (input.Latents.Count > 0)
        {
            tensors.Add(Integers("latents", input.Latents, latent => latent.Latent));
            tensors.Add(Integers("signs", input.Latents, latent => latent.Sign));
            tensors.Add(Integers("chosen_counts", input.Latents, latent => latent.ChosenCount));
            tensors.Add(Integers("rejected_counts", input.Latents, latent => latent.RejectedCount));
        }
        if (input.Gates is { } gates)
        {
            tensors.Add(TensorToWrite.Singles("gates.encoder", gates.Encoder, gates.Count, gates.DModel));
            tensors.Add(TensorToWrite.Singles("gates.gate_bias", gates.GateBias, gates.Count));
            tensors.Add(TensorToWrite.Singles("gates.threshold", gates.Threshold, gates.Count));
            tensors.Add(TensorToWrite.Singles("gates.scale", gates.Scale, gates.Count));
            tensors.Add(TensorToWrite.Singles("gates.magnitude_bias", gates.MagnitudeBias, gates.Count));
        }
        SafetensorsWriter.Write(path, tensors, RewardModelFields.Write(model));
    }

    /// <summary>Whether a safetensors file's metadata says that it is a reward model.</summary>
    public static bool Recognises(SafetensorsFile file) => file.Metadata.TryGetValue("format", out string? format) && format == Format;

    /// <summary>Reads and checks every field and tensor.</summary>
    /// <exception cref="ModelFormatException">Not a reward model, of another version, or something in it is missing, unknown or not of its shape.</exception>
    public static RewardModel Load(string path)
    {
        var file = SafetensorsFile.Open(path);
        if (!Recognises(file)) throw new ModelFormatException(path, "is a safetensors file but not a reward model; give a file that `sparserm fit` wrote");
        var fields = new RewardModelFields(file);
        var kind = fields.InputKind;
        int dModel = fields.DModel, n = Size(file, "mean_input", 0), hidden = Size(file, "head.b1", 0);
        float[] meanInput = Singles(file, "mean_input", n);
        var head = new RewardHead(n, hidden, Singles(file, "head.W1", hidden, n), Singles(file, "head.b1", hidden),
            Singles(file, "head.W2", hidden), Singles(file, "head.b2", 1)[0]);
        bool projects = kind is HeadInputKind.Projection or HeadInputKind.Random;
        float[]? directions = projects ? Singles(file, "directions", n, dModel) : null;
        DirectionLatent[] latents = kind is HeadInputKind.Projection or HeadInputKind.Activations ? ReadLatents(file, fields, n) : [];
        LatentGates? gates = kind == HeadInputKind.Activations && file.Contains("gates.encoder")
            ? new LatentGates(dModel, Singles(file, "gates.encoder", n, dModel), Singles(file, "gates.gate_bias", n),
                Singles(file, "gates.threshold", n), Singles(file, "gates.scale", n), Singles(file, "gates.magnitude_bias", n))
            : null;
        if (kind == HeadInputKind.Dense && n != dModel)
            throw new ModelFormatException(path, $"the head has {n} inputs but reads the dense state of width {dModel}");
        file.RequireAllTaken();
        return new RewardModel(new HeadInput(kind, dModel, directions, latents, gates), head, meanInput, fields.Read());
    }

    private static TensorToWrite Integers(string name, IReadOnlyList<DirectionLatent> latents, Func<DirectionLatent, long> value)
        => TensorToWrite.Integers(name, latents.Select(value).ToArray(), latents.Count);

    private static DirectionLatent[] ReadLatents(SafetensorsFile file, RewardModelFields fields, int n)
    {
        var (chosenSamples, rejectedSamples) = (fields.ChosenSamples, fields.RejectedSamples);
        int[] ids = Integers(file, "latents", n, 0, int.MaxValue), signs = Integers(file, "signs", n, -1, 1);
        int[] chosen = Integers(file, "chosen_counts", n, 0, chosenSamples), rejected = Integers(file, "rejected_counts", n, 0, rejectedSamples);
        int zero = Array.IndexOf(signs, 0);
        if (zero >= 0) throw new ModelFormatException(file.Path, $"tensor \"signs\" has 0 at element {zero}; a sign is 1 or -1");
        return [.. Enumerable.Range(0, n).Select(j => new DirectionLatent(ids[j], signs[j], chosen[j], rejected[j], chosenSamples, rejectedSamples))];
    }

    private static int[] Integers(SafetensorsFile file, string name, int n, int least, int most)
    {
        var slice = file.Take(name);
        RequireShape(slice, n);
        if (slice.DType != Tensors.DType.I64) throw new ModelFormatException(file.Path, $"tensor \"{name}\" is {slice.DType}, expected I64");
        var values = slice.ReadIntegers();
        int wrong = Array.FindIndex(values, value => value < least || value > most);
        if (wrong >= 0) throw new ModelFormatException(file.Path, $"tensor \"{name}\" has {values[wrong]} at element {wrong}, expected {least} to {most}");
        return [.. values.Select(value => (int)value)];
    }

    private static float[] Singles(SafetensorsFile file, string name, params ReadOnlySpan<long> shape)
    {
        var slice = file.Take(name);
        RequireShape(slice, shape);
        if (slice.DType != Tensors.DType.F32) throw new ModelFormatException(file.Path, $"tensor \"{name}\" is {slice.DType}, expected F32");
        return slice.ReadSingles();
    }

    private static int Size(SafetensorsFile file, string name, int axis)
    {
        var slice = file.Take(name);
        if (slice.Shape.Count <= axis || slice.Shape[axis] is <= 0 or > 1 << 26)
            throw new ModelFormatException(file.Path, $"tensor \"{name}\" has shape [{string.Join(", ", slice.Shape)}], expected a width of at least 1");
        return (int)slice.Shape[axis];
    }

    private static void RequireShape(WeightSlice slice, params ReadOnlySpan<long> shape)
    {
        if (slice.Shape.SequenceEqual(shape.ToArray())) return;
        throw new ModelFormatException(slice.Path, string.Create(CultureInfo.InvariantCulture,
            $"tensor \"{slice.Name}\" has shape [{string.Join(", ", slice.Shape)}], expected [{string.Join(", ", shape.ToArray())}]"));
    }
}
