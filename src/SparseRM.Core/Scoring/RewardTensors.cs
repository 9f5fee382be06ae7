using System.Globalization;
using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Scoring;

/// <summary>Writes and reads the tensors of one component, each checked; <paramref name="prefix"/> stands before their names.</summary>
internal sealed class RewardTensors(SafetensorsFile file, string prefix)
{
    /// <summary>The tensors from which v is made.</summary>
    public static IEnumerable<TensorToWrite> OfInput(string prefix, RewardComponent component)
    {
        var input = component.Input;
        yield return TensorToWrite.Singles(prefix + "mean_input", component.MeanInput, input.Count);
        if (input.Directions.Length > 0) yield return TensorToWrite.Singles(prefix + "directions", input.Directions, input.Count, input.DModel);
        if (input.Latents.Count > 0)
        {
            yield return Of("latents", latent => latent.Latent);
            yield return Of("signs", latent => latent.Sign);
            yield return Of("chosen_counts", latent => latent.ChosenCount);
            yield return Of("rejected_counts", latent => latent.RejectedCount);
        }
        if (input.Gates is { } gates)
        {
            yield return TensorToWrite.Singles(prefix + "gates.encoder", gates.Encoder, gates.Count, gates.DModel);
            yield return TensorToWrite.Singles(prefix + "gates.gate_bias", gates.GateBias, gates.Count);
            yield return TensorToWrite.Singles(prefix + "gates.threshold", gates.Threshold, gates.Count);
            yield return TensorToWrite.Singles(prefix + "gates.scale", gates.Scale, gates.Count);
            yield return TensorToWrite.Singles(prefix + "gates.magnitude_bias", gates.MagnitudeBias, gates.Count);
        }

        TensorToWrite Of(string name, Func<DirectionLatent, long> value) =>
            TensorToWrite.Integers(prefix + name, input.Latents.Select(value).ToArray(), input.Latents.Count);
    }

    /// <summary>The input that those tensors describe.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="dModel">Width of z.</param>
    /// <param name="n">Width of v.</param>
    /// <param name="samples">Chosen and rejected samples in which latents were counted; asked for only where there are latents.</param>
    public HeadInput ReadInput(HeadInputKind kind, int dModel, int n, Func<(int Chosen, int Rejected)> samples)
    {
        bool projects = kind is HeadInputKind.Projection or HeadInputKind.Random;
        float[]? directions = projects ? Singles("directions", n, dModel) : null;
        DirectionLatent[] latents = kind is HeadInputKind.Projection or HeadInputKind.Activations ? ReadLatents(samples(), n) : [];
        LatentGates? gates = kind == HeadInputKind.Activations && file.Contains(prefix + "gates.encoder")
            ? new LatentGates(dModel, Singles("gates.encoder", n, dModel), Singles("gates.gate_bias", n), Singles("gates.threshold", n),
                Singles("gates.scale", n), Singles("gates.magnitude_bias", n))
            : null;
        if (kind == HeadInputKind.Dense && n != dModel)
            throw new ModelFormatException(file.Path, $"the head has {n} inputs but reads the dense state of width {dModel}");
        return new HeadInput(kind, dModel, directions, latents, gates);
    }

    public int[] Integers(string name, int n, int least, int most)
    {
        var slice = file.Take(prefix + name);
        RequireShape(slice, n);
        if (slice.DType != DType.I64) throw new ModelFormatException(file.Path, $"tensor \"{slice.Name}\" is {slice.DType}, expected I64");
        var values = slice.ReadIntegers();
        int wrong = Array.FindIndex(values, value => value < least || value > most);
        if (wrong >= 0) throw new ModelFormatException(file.Path, $"tensor \"{slice.Name}\" has {values[wrong]} at element {wrong}, expected {least} to {most}");
        return [.. values.Select(value => (int)value)];
    }

    public float[] Singles(string name, params ReadOnlySpan<long> shape)
    {
        var slice = file.Take(prefix + name);
        RequireShape(slice, shape);
        if (slice.DType != DType.F32) throw new ModelFormatException(file.Path, $"tensor \"{slice.Name}\" is {slice.DType}, expected F32");
        return slice.ReadSingles();
    }

    public int Size(string name, int axis)
    {
        var slice = file.Take(prefix + name);
        if (slice.Shape.Count <= axis || slice.Shape[axis] is <= 0 or > 1 << 26)
            throw new ModelFormatException(file.Path, $"tensor \"{slice.Name}\" has shape [{string.Join(", ", slice.Shape)}], expected a width of at least 1");
        return (int)slice.Shape[axis];
    }

    private DirectionLatent[] ReadLatents((int Chosen, int Rejected) samples, int n)
    {
        int[] ids = Integers("latents", n, 0, int.MaxValue), signs = Integers("signs", n, -1, 1);
        int[] chosen = Integers("chosen_counts", n, 0, samples.Chosen), rejected = Integers("rejected_counts", n, 0, samples.Rejected);
        int zero = Array.IndexOf(signs, 0);
        if (zero >= 0) throw new ModelFormatException(file.Path, $"tensor \"{prefix}signs\" has 0 at element {zero}; a sign is 1 or -1");
        return [.. Enumerable.Range(0, n).Select(j => new DirectionLatent(ids[j], signs[j], chosen[j], rejected[j], samples.Chosen, samples.Rejected))];
    }

    private static void RequireShape(WeightSlice slice, params ReadOnlySpan<long> shape)
    {
        if (slice.Shape.SequenceEqual(shape.ToArray())) return;
        throw new ModelFormatException(slice.Path, string.Create(CultureInfo.InvariantCulture,
            $"tensor \"{slice.Name}\" has shape [{string.Join(", ", slice.Shape)}], expected [{string.Join(", ", shape.ToArray())}]"));
    }
}
