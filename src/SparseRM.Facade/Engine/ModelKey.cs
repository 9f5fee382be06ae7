using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Tells one model in memory from another.</summary>
internal static class ModelKey
{
    /// <summary>All that decides what is loaded and how it computes. A folder whose files were replaced is another model, though it has the same path.</summary>
    /// <param name="options">What was asked for; what it leaves open is resolved.</param>
    /// <param name="folder">The model's folder.</param>
    /// <param name="compute">Type of the products.</param>
    public static string Of(BackboneOptions options, string folder, DType compute)
    {
        var files = new DirectoryInfo(folder).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal)
            .Select(file => (file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo) ?? file).Where(file => file.Exists)
            .Select(file => $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}");
        var variants = options.Variants.OrderBy(variant => variant.Key).Select(variant => $"{variant.Key}={variant.Value}");
        string name = options.Backend == "auto" ? BackendCatalog.Auto : options.Backend;
        return string.Join('\n', [Path.GetFullPath(folder), $"{name} {BackendCatalog.ThreadsOf(options.Threads)} {compute.Name()}", .. variants, .. files]);
    }
}
