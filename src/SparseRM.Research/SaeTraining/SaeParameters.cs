using SparseRM.Fitting;
using SparseRM.Weights;

namespace SparseRM.Research.SaeTraining;

/// <summary>A parameter with its two means of Adam.</summary>
internal sealed class Trained(string name, int length)
{
    public string Name => name;
    public float[] Values { get; } = new float[length];
    public float[] Mean { get; } = new float[length];
    public float[] Square { get; } = new float[length];

    public IEnumerable<(string Name, float[] Values)> Tensors => [(Name, Values), ($"{Name}.mean", Mean), ($"{Name}.square", Square)];
}

/// <summary>
/// What is learned, in units in which states have mean 0 and a mean squared norm of d_in: p = W_enc x + b_enc, recon = sum of a_j W_dec[j] + b_dec.
/// </summary>
/// <remarks>Both matrices have a row of padded d_in floats for each latent. Decoder rows are random with norm 1 at first, and W_enc = W_dec.</remarks>
internal sealed class SaeParameters
{
    public SaeParameters(int width, int dIn)
    {
        (Width, DIn, Depth) = (width, dIn, RowMath.Pad(dIn));
        (WEnc, WDec) = (new("W_enc", width * Depth), new("W_dec", width * Depth));
        (BEnc, BDec, Threshold) = (new("b_enc", width), new("b_dec", Depth), new("threshold", width));
    }

    public int Width { get; }
    public int DIn { get; }

    /// <summary>d_in, padded.</summary>
    public int Depth { get; }

    public Trained WEnc { get; }
    public Trained WDec { get; }
    public Trained BEnc { get; }
    public Trained BDec { get; }

    /// <summary>JumpReLU's, at least 0; zeros for the others.</summary>
    public Trained Threshold { get; }

    public IEnumerable<Trained> All => [WEnc, WDec, BEnc, BDec, Threshold];

    /// <summary>Random directions.</summary>
    public void Initialize(long seed)
    {
        var random = new SeededRandom(seed, 1);
        for (int j = 0; j < Width; j++)
        {
            var row = WDec.Values.AsSpan(j * Depth, DIn);
            foreach (ref float value in row) value = (float)random.NextGaussian();
            Normalize(WDec.Values.AsSpan(j * Depth, Depth));
        }
        WDec.Values.CopyTo(WEnc.Values, 0);
    }

    /// <summary>Brings a row to norm 1.</summary>
    public static void Normalize(Span<float> row)
    {
        float square = RowMath.Dot(row, row);
        if (square > 0) RowMath.Scale(1 / MathF.Sqrt(square), row);
    }

    public IEnumerable<TensorToWrite> ToTensors() => All.SelectMany(part => part.Tensors).Select(tensor => TensorToWrite.Singles(tensor.Name, tensor.Values, tensor.Values.Length));

    public void Read(IWeightSource file)
    {
        foreach (var (name, values) in All.SelectMany(part => part.Tensors)) file.Take(name, values.Length).ReadSingles().CopyTo(values, 0);
    }
}
