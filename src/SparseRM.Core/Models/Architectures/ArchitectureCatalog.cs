using SparseRM.Errors;

namespace SparseRM.Models.Architectures;

/// <summary>The families that this engine knows; a new one is a file here and a line in the list.</summary>
public static class ArchitectureCatalog
{
    private static readonly Architecture[] s_all =
        [Llama.Architecture, Mistral.Architecture, Qwen.Qwen2, Qwen.Qwen3, Gemma.Gemma1, Gemma.Gemma2, Gemma3.TextModel, Gemma3.Multimodal];

    /// <summary>HF <c>model_type</c> of every family.</summary>
    public static IReadOnlyList<string> ModelTypes => [.. s_all.Select(architecture => architecture.ModelType)];

    /// <summary>Reads a model folder's config.json.</summary>
    /// <exception cref="ModelFormatException">Not JSON, an unknown family, a field missing, wrong or not understood; all problems are named.</exception>
    public static ModelConfig Read(string folder)
    {
        ModelFolder.RefuseAdapter(folder);
        var hf = HfConfig.Read(System.IO.Path.Combine(folder, "config.json"));
        string type = hf.Text("model_type");
        var architecture = s_all.FirstOrDefault(candidate => candidate.ModelType == type);
        if (architecture is null)
        {
            hf.ThrowProblems();
            string why = Variants.OtherFamily(type) is { } other ? $"is \"{type}\": {other}" : $"is \"{type}\", which is not supported";
            throw new ModelFormatException(hf.Path, $"\"model_type\" {why}; supported are {string.Join(", ", ModelTypes)}");
        }
        var config = architecture.Read(hf) with { Fp8Block = Quantization.Read(hf) };
        hf.ThrowProblems();
        return config with { IgnoredFields = hf.Ignored };
    }
}
