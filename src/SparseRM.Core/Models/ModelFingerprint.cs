using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using SparseRM.Weights;

namespace SparseRM.Models;

/// <summary>Tells one model's blocks 0..L from another's without reading gigabytes.</summary>
/// <remarks>
/// SHA-256 over the config's behaviour and, for every tensor that was taken: name, type, shape and three samples of 4 KiB (begin, middle,
/// end). A fine-tune changes all of its weights a little, so samples see it; a single changed weight between them would be missed.
/// </remarks>
internal static class ModelFingerprint
{
    private const int Sample = 4096;

    /// <param name="config">The model's behaviour.</param>
    /// <param name="weights">Where the tensors are.</param>
    /// <param name="taken">Names of those of the embedding and of blocks 0..layer.</param>
    /// <param name="layer">Last block.</param>
    public static string Compute(ModelConfig config, IWeightSource weights, IEnumerable<string> taken, int layer)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Text(hash, Behaviour(config, layer));
        foreach (string name in taken.Order(StringComparer.Ordinal))
        {
            var slice = weights.Take(name);
            Text(hash, $"{name} {slice.DType} {string.Join(',', slice.Shape)}");
            Samples(hash, slice);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    // Invariant, or a host with a decimal comma would not know its own models again.
    private static string Behaviour(ModelConfig c, int layer) => string.Create(CultureInfo.InvariantCulture,
        $"{c.Family}|{layer}|{c.DModel}|{c.NHeads}|{c.NKvHeads}|{c.DHead}|{c.DMlp}|{c.DVocab}|{c.RmsNormEps:R}|{c.RmsNormUnitOffset}|{c.PostNorms}|"
        + $"{c.ScaleEmbedding}|{c.QueryScale:R}|{c.AttnLogitSoftcap:R}|{string.Join(',', c.LayerWindows.Take(layer + 1))}|"
        + $"{string.Join(',', c.LayerRopes.Take(layer + 1))}|{string.Join(',', c.Ropes.Select(Behaviour))}|{c.Activation}|{c.QkNorm}|{c.QkvBias}|{c.OutputBias}");

    private static string Behaviour(RopeConfig rope) => string.Create(CultureInfo.InvariantCulture,
        $"{rope.Theta:R} {rope.Scaling.Kind} {rope.Scaling.Factor:R} {rope.Scaling.LowFreqFactor:R} {rope.Scaling.HighFreqFactor:R} {rope.Scaling.OriginalContext}{Yarn(rope.Scaling)}");

    // Only where it counts, so that the fingerprints of other models stay what they were.
    private static string Yarn(RopeScaling scaling) => scaling.Kind != "yarn" ? "" : string.Create(CultureInfo.InvariantCulture,
        $" {scaling.BetaFast:R} {scaling.BetaSlow:R} {scaling.Truncate} {scaling.AttentionFactor:R}");

    private static void Samples(IncrementalHash hash, WeightSlice slice)
    {
        Span<byte> bytes = stackalloc byte[Sample];
        if (slice.FileOffset < 0)
        {
            // Made up from a seed: the beginning tells it from another.
            using var stream = slice.OpenRead();
            hash.AppendData(bytes[..stream.ReadAtLeast(bytes, Sample, throwOnEndOfStream: false)]);
            return;
        }
        using var file = File.OpenHandle(slice.Path);
        slice.RequireSame(file);
        int length = (int)Math.Min(Sample, slice.ByteLength);
        foreach (long start in (ReadOnlySpan<long>)[0, (slice.ByteLength - length) / 2, slice.ByteLength - length])
            hash.AppendData(bytes[..RandomAccess.Read(file, bytes[..length], slice.FileOffset + start)]);
    }

    private static void Text(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        hash.AppendData(length);
        hash.AppendData(bytes);
    }
}
