using System.Globalization;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Sae;

/// <summary>What a format's reader found, before folding: <c>p = (InputScale * (x @ W - SubtractBDec * BDec @ W) + BEnc) * n</c>, n the decoder's norms where <see cref="UnitDecoder"/>.</summary>
internal sealed record SaeParts
{
    /// <summary>As [d_in, d_sae].</summary>
    public required WeightMatrix Encoder { get; init; }

    /// <summary>As [d_sae, d_in].</summary>
    public required WeightMatrix Decoder { get; init; }

    public required int DIn { get; init; }
    public required int DSae { get; init; }

    /// <summary>Null is zero.</summary>
    public double[]? BEnc { get; init; }

    /// <summary>Output bias.</summary>
    public required float[] BDec { get; init; }

    /// <summary>Whether BDec is taken from the (normed) input before the encoder.</summary>
    public bool SubtractBDec { get; init; }

    /// <summary>Whether pre-activations are multiplied, and directions divided, by the directions' norms.</summary>
    public bool UnitDecoder { get; init; }

    /// <summary>A constant that multiplies inputs and divides directions.</summary>
    public double InputScale { get; init; } = 1;

    public required SaeActivation Activation { get; init; }
    public SaeInputNorm InputNorm { get; init; }
    public required string Format { get; init; }
    public string? GatingMode { get; init; }
    public required int? Layer { get; init; }
    public string? HookName { get; init; }
    public IReadOnlyList<string> Notes { get; init; } = [];
    public string? ModelName { get; init; }
    public IReadOnlyList<string> IgnoredFields { get; init; } = [];

    /// <summary>Numbers of a config that the tensors do not show, for the id.</summary>
    public string Variant { get; init; } = "";

    /// <summary>The transpose, for matrices that a format means the other way round.</summary>
    public static WeightMatrix Transpose(WeightMatrix matrix) => matrix with { IsTransposed = !matrix.IsTransposed };

    /// <summary>Refuses tensors that nobody took, checks every weight, folds.</summary>
    public SparseAutoencoder Build(SaeTensors tensors)
    {
        tensors.Source.RequireAllTaken();
        double[] shift = SaeFolding.Product(SubtractBDec ? BDec : null, Encoder, DIn, DSae);
        double[] norms = SaeFolding.RowNorms(Decoder, DSae, DIn);
        if (UnitDecoder) SaeFolding.RequirePositive(norms, Decoder);
        bool scaled = UnitDecoder || InputScale != 1;
        var encoderScale = new double[DSae];
        var bEnc = new double[DSae];
        for (int j = 0; j < DSae; j++)
        {
            double norm = UnitDecoder ? norms[j] : 1;
            encoderScale[j] = InputScale * norm;
            bEnc[j] = ((BEnc?[j] ?? 0) - InputScale * shift[j]) * norm;
        }
        string variant = string.Create(CultureInfo.InvariantCulture, $"{Activation.Name} {InputNorm} {SubtractBDec} {UnitDecoder} {InputScale:R} {GatingMode} {Variant}");
        return new SparseAutoencoder
        {
            DIn = DIn,
            DSae = DSae,
            Layer = Layer,
            HookName = HookName,
            WEnc = Encoder.Slice,
            EncoderIsTransposed = Encoder.IsTransposed,
            EncoderScale = scaled ? SaeFolding.Singles(encoderScale) : null,
            BEnc = SaeFolding.Singles(bEnc),
            WDec = Decoder.Slice,
            DecoderIsTransposed = Decoder.IsTransposed,
            DecoderScale = scaled ? Array.ConvertAll(encoderScale, scale => (float)(1 / scale)) : null,
            BDec = BDec,
            InputNorm = InputNorm,
            Activation = Activation,
            Format = Format,
            GatingMode = GatingMode,
            Id = tensors.Id(Format, variant),
            Notes = [.. Notes.Select(PlainText.Escape)],
            ModelName = ModelName,
            IgnoredFields = IgnoredFields,
        };
    }

    /// <summary>Widens, for <see cref="BEnc"/>.</summary>
    public static double[] Doubles(float[] values) => Array.ConvertAll(values, value => (double)value);
}
