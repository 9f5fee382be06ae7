namespace SparseRM.Models.Architectures;

/// <summary>Reads <c>quantization_config</c>: fp8 in blocks is understood, every other way to quantise is refused by its name.</summary>
/// <remarks>Source: transformers <c>utils/quantization_config.py</c> (FineGrainedFP8Config) and <c>integrations/finegrained_fp8.py</c>.</remarks>
internal static class Quantization
{
    private const string Remedy = "take the model's unquantised weights, or fp8 in blocks (quant_method \"fp8\" with weight_block_size)";

    /// <summary>Rows and columns of a block that shares one scale; null where the weights are not quantised.</summary>
    public static Fp8Block? Read(HfConfig hf)
    {
        if (hf.Section("compression_config") is not null) hf.Refuse("compression_config", $"is there: weights quantised by compressed-tensors are not supported; {Remedy}");
        if (hf.Section("quantization_config") is not { } section || section.IsEmpty) return null;
        string method = Method(section);
        if (method == "bitsandbytes" && !section.Flag("load_in_4bit") && !section.Flag("load_in_8bit")) return section.Ignoring<Fp8Block>();
        if (method != "fp8")
        {
            section.Refuse("quant_method", $"is \"{method}\": weights quantised this way are not supported; {Remedy}");
            return section.Ignoring<Fp8Block>();
        }
        string format = section.Text("fmt", "e4m3");
        if (format is not ("e4m3" or "float8_e4m3fn")) section.Refuse("fmt", $"is \"{format}\", expected e4m3");
        var block = section.Ints("weight_block_size");
        if (block is not [> 0 and <= 1 << 20, > 0 and <= 1 << 20])
        {
            section.Refuse("weight_block_size", $"is not two positive numbers: fp8 without blocks is not supported; {Remedy}");
            return section.Ignoring<Fp8Block>();
        }
        // Activations are not quantised here, whatever activation_scheme says; which modules were left out shows in the weights.
        section.Ignoring<Fp8Block>();
        return new Fp8Block(block[0], block[1]);
    }

    /// <summary>bitsandbytes files of old do not name themselves.</summary>
    private static string Method(HfConfig section) => section.Has("quant_method") ? section.Text("quant_method")
        : section.Has("load_in_4bit") || section.Has("load_in_8bit") ? "bitsandbytes" : "unknown";
}
