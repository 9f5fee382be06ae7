using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Scoring;

/// <summary>A reward model as one safetensors file: directions, heads and statistics as tensors, all that scoring must check as metadata strings.</summary>
/// <remarks>Writes format 2, whose checksum covers every byte, and reads formats 1 and 2. The same model gives the same bytes.</remarks>
public static class RewardModelFile
{
    /// <summary>Value of the metadata key <c>format</c>.</summary>
    public const string Format = "sparserm-reward-model";

    /// <summary>The version that this engine writes.</summary>
    public const string FormatVersion = RewardFormat2.Version;

    /// <summary>Writes under a temporary name in the same folder, then renames.</summary>
    /// <exception cref="SparseRMException">A weight is not finite, or the file cannot be written; nothing is left behind.</exception>
    /// <exception cref="ArgumentException">The metadata says something that <see cref="Load"/> would refuse.</exception>
    public static void Save(string path, RewardModel model)
    {
        foreach (var component in model.Components)
        {
            RewardModelFacts.Require(component.Metadata);
            RequireFinite(path, component);
        }
        RewardChecksum.Write(path, RewardFormat2.Tensors(model), RewardFormat2.Fields(model));
    }

    /// <summary>Whether a safetensors file's metadata says that it is a reward model.</summary>
    public static bool Recognises(SafetensorsFile file) => file.Metadata.TryGetValue("format", out string? format) && format == Format;

    /// <summary>Whether a file, whatever its name, is a reward model by its content; false also for folders and files that cannot be read.</summary>
    public static bool Recognises(string path)
    {
        try
        {
            return File.Exists(path) && Recognises(SafetensorsFile.Open(path));
        }
        catch (ModelFormatException)
        {
            return false;
        }
    }

    /// <summary>Reads and checks every field and tensor.</summary>
    /// <exception cref="ModelFormatException">
    /// Not a reward model, of another version, not as it was written (its checksum differs), or something in it is missing, unknown or not of its shape.
    /// </exception>
    public static RewardModel Load(string path)
    {
        var file = Open(path);
        if (!Recognises(file)) throw new ModelFormatException(path, "is a safetensors file but not a reward model; give a file that a fit wrote");
        var fields = new RewardFields(file);
        fields.Field("format");
        return fields.Text("format_version") switch
        {
            RewardFormat1.Version => RewardFormat1.Read(file, fields),
            RewardFormat2.Version => RewardFormat2.Read(file, fields),
            var other => throw new ModelFormatException(path,
                $"is a reward model of format {other}, this engine reads formats {RewardFormat1.Version} and {RewardFormat2.Version}; fit again or use another version"),
        };
    }

    private static SafetensorsFile Open(string path)
    {
        try
        {
            return SafetensorsFile.Open(path);
        }
        catch (ModelFormatException error) when (File.Exists(path))
        {
            string problem = error.Message.StartsWith(path + ": ", StringComparison.Ordinal) ? error.Message[(path.Length + 2)..] : error.Message;
            throw new ModelFormatException(path, $"is not a reward file, which is a safetensors file that fit or combine wrote ({problem}); give one, or fit again where it was one", error);
        }
    }

    private static void RequireFinite(string path, RewardComponent component)
    {
        var (input, gates) = (component.Input, component.Input.Gates);
        ReadOnlySpan<ReadOnlyMemory<float>> parts =
        [
            component.MeanInput, input.Directions, .. component.Heads.SelectMany(head => new[] { head.W1, head.B1, head.W2, new[] { head.B2 } }),
            .. gates is null ? Array.Empty<ReadOnlyMemory<float>>() : [gates.Encoder, gates.GateBias, gates.Threshold, gates.Scale, gates.MagnitudeBias],
        ];
        foreach (var part in parts)
            foreach (float value in part.Span)
                if (!float.IsFinite(value)) throw new SparseRMException($"{path}: component \"{component.Name}\" has a weight of {value}; fit again with a smaller learning rate.");
    }
}
