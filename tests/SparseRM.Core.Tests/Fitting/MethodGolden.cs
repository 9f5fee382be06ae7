using SparseRM.Fitting;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Fitting;

/// <summary>The method's golden file, step by step in float64 (see its README).</summary>
public sealed class MethodGolden
{
    public const int K = 8, Pairs = 60, DModel = 64, DSae = 256, Hidden = 512, Inputs = 2 * K;

    private readonly SafetensorsFile _file = SafetensorsFile.Open(SharedData.Shipped("goldens", "method", "golden.safetensors"));

    /// <summary>A float64 tensor without the rounding to float32 that weights get.</summary>
    public double[] Doubles(string name)
    {
        var slice = _file.Take(name);
        using var stream = slice.OpenRead();
        var bytes = new byte[slice.ByteLength];
        stream.ReadExactly(bytes);
        return System.Runtime.InteropServices.MemoryMarshal.Cast<byte, double>(bytes).ToArray();
    }

    public float[] Singles(string name) => _file.Take(name).ReadSingles();

    public int[] Ids(string name) => [.. _file.Take(name).ReadIntegers().Select(id => (int)id)];

    internal HeadParameters Parameters(string prefix)
    {
        bool single = prefix == "init";
        double[] Read(string name) => single ? [.. Singles($"{prefix}.{name}").Select(x => (double)x)] : Doubles($"{prefix}.{name}");
        var parameters = new HeadParameters(Inputs, Hidden);
        double[] w1 = Read("W1");
        for (int unit = 0; unit < Hidden; unit++) w1.AsSpan(unit * Inputs, Inputs).CopyTo(parameters.W1(unit));
        Read("b1").CopyTo(parameters.B1);
        Read("W2").CopyTo(parameters.W2);
        parameters.B2 = Read("b2")[0];
        return parameters;
    }

    /// <summary>Decoder of the SAE that the golden used, [d_sae, d_model].</summary>
    public static float[] Decoder() => Sae().Take("W_dec", DSae, DModel).ReadSingles();

    /// <summary>Latents of the jumprelu SAE that are active in a state: relu(pre) where pre &gt; threshold, pre = (z - b_dec) W_enc + b_enc.</summary>
    public static IEnumerable<int[]> ActiveLatents(float[] states)
    {
        var sae = Sae();
        float[] wEnc = sae.Take("W_enc", DModel, DSae).ReadSingles(), bEnc = sae.Take("b_enc", DSae).ReadSingles();
        float[] bDec = sae.Take("b_dec", DModel).ReadSingles(), threshold = sae.Take("threshold", DSae).ReadSingles();
        for (int row = 0; row < states.Length / DModel; row++)
        {
            var pre = bEnc.Select(b => (double)b).ToArray();
            for (int i = 0; i < DModel; i++)
                for (int j = 0; j < DSae; j++) pre[j] += ((double)states[(row * DModel) + i] - bDec[i]) * wEnc[(i * DSae) + j];
            yield return [.. Enumerable.Range(0, DSae).Where(j => pre[j] > threshold[j] && pre[j] > 0)];
        }
    }

    public LatentFrequency Frequency()
    {
        var frequency = new LatentFrequency(DSae);
        foreach (int[] active in ActiveLatents(Singles("z_chosen"))) frequency.Add(chosen: true, active);
        foreach (int[] active in ActiveLatents(Singles("z_rejected"))) frequency.Add(chosen: false, active);
        return frequency;
    }

    private static SafetensorsFile Sae() => SafetensorsFile.Open(SharedData.Shipped("goldens", "saes", "saelens-jumprelu", "sae_weights.safetensors"));
}
