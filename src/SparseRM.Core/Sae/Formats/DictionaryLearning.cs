using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Sae.Formats;

/// <summary>dictionary_learning (<c>config.json</c>, <c>ae.pt</c>): the class named by <c>trainer.dict_class</c>, as its own <c>from_pretrained</c> and <c>encode</c> compute it.</summary>
/// <remarks>Source: <c>dictionary_learning/dictionary.py</c>, <c>trainers/{top_k,batch_top_k,matryoshka_batch_top_k}.py</c> at 60ec6bf.</remarks>
internal static class DictionaryLearning
{
    public const string Name = "dictionary-learning", WeightsFile = "ae.pt", ConfigFile = "config.json";

    public static SparseAutoencoder Open(string folder)
    {
        var config = DictionaryLearningConfig.Read(Path.Combine(folder, ConfigFile));
        var file = TorchFile.Open(Path.Combine(folder, WeightsFile));
        if (file.Numbers.Count > 0) throw new ModelFormatException(file.Path, $"has entry \"{file.Numbers.Keys.First()}\", which is not a tensor and which this format does not know");
        var tensors = new SaeTensors(file);
        bool named = config.DictClass is "JumpReluAutoEncoder" or "MatryoshkaBatchTopKSAE";
        var (dIn, dSae) = named ? tensors.SizeOf("W_enc") : Flipped(tensors.SizeOf("encoder.weight"));
        config.RequireWidths(dIn, dSae);
        var parts = new SaeParts
        {
            Encoder = named ? tensors.Matrix("W_enc", dIn, dSae) : SaeParts.Transpose(tensors.Matrix("encoder.weight", dSae, dIn)),
            Decoder = named ? tensors.Matrix("W_dec", dSae, dIn) : SaeParts.Transpose(tensors.Matrix("decoder.weight", dIn, dSae)),
            DIn = dIn,
            DSae = dSae,
            BEnc = config.DictClass == "GatedAutoEncoder" ? null : SaeParts.Doubles(tensors.Vector(named ? "b_enc" : "encoder.bias", dSae)),
            BDec = tensors.Vector(OutputBias(config.DictClass), dIn),
            SubtractBDec = config.DictClass is not ("AutoEncoderNew" or "JumpReluAutoEncoder"),
            // from_pretrained normalises this class's decoder.
            UnitDecoder = config.DictClass == "AutoEncoder",
            Activation = Activation(config, tensors, dSae),
            Format = Name,
            Layer = config.Layer,
            HookName = config.SubmoduleName,
            Variant = file.Contains("k") || config.K is null ? config.DictClass : $"{config.DictClass} {config.K}",
            Notes = config.ModelName is { } model ? [$"Trained on \"{model}\"."] : [],
            ModelName = config.ModelName,
            IgnoredFields = config.Ignored,
        };
        return parts.Build(tensors);
    }

    private static (int DIn, int DSae) Flipped((int Rows, int Columns) size) => (size.Columns, size.Rows);

    private static string OutputBias(string dictClass) => dictClass switch
    {
        "AutoEncoder" => "bias",
        "AutoEncoderNew" => "decoder.bias",
        "GatedAutoEncoder" => "decoder_bias",
        _ => "b_dec",
    };

    private static SaeActivation Activation(DictionaryLearningConfig config, SaeTensors tensors, int dSae)
    {
        switch (config.DictClass)
        {
            case "AutoEncoder" or "AutoEncoderNew":
                return new SaeActivation.Relu();
            case "JumpReluAutoEncoder":
                return new SaeActivation.JumpRelu(tensors.Vector("threshold", dSae));
            case "GatedAutoEncoder":
                float[] scale = Array.ConvertAll(tensors.Vector("r_mag", dSae), value => (float)Math.Exp(value));
                return new SaeActivation.Gated(tensors.Vector("gate_bias", dSae), scale, tensors.Vector("mag_bias", dSae));
            case "AutoEncoderTopK":
                if (tensors.Source.Contains("threshold")) tensors.Scalar("threshold"); // encode's default chooses by k; files of 2024 have none
                return new SaeActivation.TopK(ReadK(config, tensors, dSae));
            default:
                ReadK(config, tensors, dSae); // training chose k a token on average; encode's default is the threshold
                if (config.DictClass == "MatryoshkaBatchTopKSAE") CheckGroups(tensors, dSae);
                return new SaeActivation.JumpRelu([.. Enumerable.Repeat(ReadThreshold(tensors), dSae)]);
        }
    }

    private static int ReadK(DictionaryLearningConfig config, SaeTensors tensors, int dSae)
    {
        // The first top-k files have it in the config alone.
        double k = tensors.Source.Contains("k") ? tensors.Scalar("k")
            : config.K ?? throw new ModelFormatException(tensors.Source.Path, "has no tensor \"k\", and config.json has no trainer.k either");
        if (!(k >= 1 && k <= dSae) || k != Math.Floor(k)) throw new ModelFormatException(tensors.Source.Path, $"tensor \"k\" is {k}, expected a whole number from 1 to {dSae}");
        config.RequireK((int)k);
        return (int)k;
    }

    private static float ReadThreshold(SaeTensors tensors)
    {
        double threshold = tensors.Scalar("threshold");
        return threshold >= 0 ? (float)threshold
            : throw new ModelFormatException(tensors.Source.Path, $"tensor \"threshold\" is {threshold}: it was never set in training, and this class encodes by it");
    }

    private static void CheckGroups(SaeTensors tensors, int dSae)
    {
        long sum = tensors.Source.Take("group_sizes").ReadIntegers().Sum();
        if (sum != dSae) throw new ModelFormatException(tensors.Source.Path, $"tensor \"group_sizes\" sums to {sum}, expected all {dSae} latents");
    }
}
