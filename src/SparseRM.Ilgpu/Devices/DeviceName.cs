using System.Globalization;
using SparseRM.Errors;

namespace SparseRM.Ilgpu.Devices;

/// <summary>A device as it is asked for: <c>ilgpu:cpu</c>, <c>ilgpu:cuda:0</c>, <c>ilgpu:opencl:0</c>.</summary>
/// <param name="Kind"><c>cpu</c>, <c>cuda</c> or <c>opencl</c>.</param>
/// <param name="Index">Its number among those of its kind.</param>
internal readonly record struct DeviceName(string Kind, int Index)
{
    private const string Prefix = "ilgpu:";

    /// <summary>Reads a name.</summary>
    /// <exception cref="BackendNameException">Not of one of the three forms.</exception>
    public static DeviceName Parse(string name)
    {
        string[] parts = name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..].Split(':') : [];
        if (parts is ["cpu"]) return new("cpu", 0);
        if (parts is ["cuda" or "opencl", var number] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int index))
            return new(parts[0], index);
        throw new BackendNameException(name, "is no name of an ILGPU device; write ilgpu:cpu, ilgpu:cuda:0 or ilgpu:opencl:0");
    }

    /// <inheritdoc/>
    public override string ToString() => Kind == "cpu" ? "ilgpu:cpu" : $"{Prefix}{Kind}:{Index}";
}
