using System.Text.RegularExpressions;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Cli.Terminal;

/// <summary>The safetensors files that <c>activations</c> and <c>encode</c> write.</summary>
internal static partial class StateTensors
{
    /// <summary>Metadata key that says which of the two wrote a file.</summary>
    public const string Key = "sparserm";

    /// <summary>Whether a file is one of them, by its metadata or by the names of its tensors.</summary>
    public static bool Recognises(string path) => WrittenBy(path) is not null;

    /// <summary><c>activations</c>, <c>encode</c>, or null.</summary>
    public static string? WrittenBy(string path)
    {
        try
        {
            var file = SafetensorsFile.Open(path);
            if (file.Metadata.TryGetValue(Key, out string? writer) && writer is "activations" or "encode") return writer;
            if (file.Names.Count > 0 && file.Names.All(name => OfActivations().IsMatch(name))) return "activations";
            return file.Names.Contains("recon") ? "encode" : null;
        }
        catch (ModelFormatException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"^block\.\d+\.resid_post\.\d+$")]
    private static partial Regex OfActivations();
}
