using SparseRM.Errors;

namespace SparseRM.Weights;

/// <summary>What every <see cref="IWeightSource"/> can do by its few members.</summary>
public static class WeightSources
{
    /// <summary>Takes the tensor and insists on its shape and on a weight type (F32, BF16, F16).</summary>
    /// <exception cref="ModelFormatException">Absent, of another shape, or not of a weight type.</exception>
    public static WeightSlice Take(this IWeightSource source, string name, params ReadOnlySpan<long> shape)
    {
        var slice = source.Take(name);
        if (!slice.Shape.SequenceEqual(shape.ToArray()))
        {
            throw new ModelFormatException(slice.Path,
                $"tensor \"{name}\" has shape [{string.Join(", ", slice.Shape)}], expected [{string.Join(", ", shape.ToArray())}]");
        }
        return slice.RequireWeightType();
    }

    /// <summary>Whether the source lists the tensor.</summary>
    public static bool Contains(this IWeightSource source, string name) => source.Names.Contains(name);

    /// <summary>Refuses a source of which something was not read.</summary>
    /// <exception cref="ModelFormatException">Names the tensors that nobody took.</exception>
    public static void RequireAllTaken(this IWeightSource source)
    {
        var left = source.Untaken.Order(StringComparer.Ordinal).ToArray();
        if (left.Length > 0)
            throw new ModelFormatException(source.Path, $"has tensors that this format does not know: {string.Join(", ", left.Take(8))}");
    }

    /// <summary>Refuses a tensor of integers and the like where weights are expected.</summary>
    public static WeightSlice RequireWeightType(this WeightSlice slice) => Tensors.DTypes.IsWeightType(slice.DType)
        ? slice
        : throw new ModelFormatException(slice.Path, $"tensor \"{slice.Name}\" is {slice.DType}; weights must be F32, BF16 or F16");
}
