using SparseRM.Weights;

namespace SparseRM.Sae;

/// <summary>
/// A sparse autoencoder over the residual stream after one block, in one form whatever file it came from. With x [d_in] a raw residual vector:
/// <c>z = norm(x)</c>, <c>p = (z @ WEnc) * EncoderScale + BEnc</c>, <c>a = activation(p)</c>,
/// <c>recon = undo_norm((a * DecoderScale) @ WDec + BDec)</c>.
/// </summary>
/// <remarks>
/// Matrices stay in their file, in its layout and type; all that the formats do to them (decoder norms, dataset scales, a subtracted b_dec)
/// is folded into the vectors, with sums in double. Immutable; every weight was seen to be finite when it was opened.
/// </remarks>
public sealed class SparseAutoencoder
{
    /// <summary>Width of the residual stream.</summary>
    public required int DIn { get; init; }

    /// <summary>Number of latents.</summary>
    public required int DSae { get; init; }

    /// <summary>The block after which x is taken (0-based); null where neither file nor path says it.</summary>
    public required int? Layer { get; init; }

    /// <summary>The hook as the file calls it (<c>blocks.13.hook_resid_post</c>), or null.</summary>
    public required string? HookName { get; init; }

    /// <summary>Encoder matrix: [d_in, d_sae], or [d_sae, d_in] where <see cref="EncoderIsTransposed"/>.</summary>
    public required WeightSlice WEnc { get; init; }

    /// <summary>Whether <see cref="WEnc"/> holds one row a latent.</summary>
    public required bool EncoderIsTransposed { get; init; }

    /// <summary>Factor of each latent's product [d_sae]; null is 1.</summary>
    public required float[]? EncoderScale { get; init; }

    /// <summary>Added to the scaled product [d_sae].</summary>
    public required float[] BEnc { get; init; }

    /// <summary>Decoder matrix: [d_sae, d_in], one direction a row, or [d_in, d_sae] where <see cref="DecoderIsTransposed"/>.</summary>
    public required WeightSlice WDec { get; init; }

    /// <summary>Whether <see cref="WDec"/> holds one direction a column.</summary>
    public required bool DecoderIsTransposed { get; init; }

    /// <summary>Factor of each decoder direction [d_sae]; null is 1.</summary>
    public required float[]? DecoderScale { get; init; }

    /// <summary>Added to the reconstruction, before a run-time norm is undone [d_in].</summary>
    public required float[] BDec { get; init; }

    /// <summary>The run-time norm.</summary>
    public required SaeInputNorm InputNorm { get; init; }

    /// <summary>The gate.</summary>
    public required SaeActivation Activation { get; init; }

    /// <summary>Name of the file format: <c>gemma-scope</c>, <c>saelens</c>, <c>llama-scope</c>, <c>sparsify</c>, <c>dictionary-learning</c>, <c>qwen-scope</c>, <c>goodfire</c>.</summary>
    public required string Format { get; init; }

    /// <summary>For Llama Scope <c>official</c> or <c>saelens</c>, else null.</summary>
    public required string? GatingMode { get; init; }

    /// <summary>Names the SAE by its content (<c>saelens:1f0c...</c>): the same wherever the file lies, another for other weights or another gating mode.</summary>
    public required string Id { get; init; }

    /// <summary>What a user should know about this SAE, one sentence each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>The model it was trained on, as its config calls it; null where it does not say.</summary>
    public string? ModelName { get; init; }

    /// <summary>Fields of its config that change nothing and that no list of ours knows; for reports.</summary>
    public IReadOnlyList<string> IgnoredFields { get; init; } = [];

    /// <summary>Decoder directions, scaled: row i is the direction of <c>latents[i]</c>; row-major [latents, d_in].</summary>
    /// <remarks>Reads only these rows where the file holds one direction a row, unpacked; else streams the matrix once.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">A latent outside [0, d_sae).</exception>
    public float[] ReadDirections(ReadOnlySpan<int> latents)
    {
        foreach (int latent in latents) ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)latent, (uint)DSae, nameof(latents));
        var directions = new float[(long)latents.Length * DIn];
        int[] wanted = latents.ToArray();
        if (DecoderIsTransposed) ReadColumns(wanted, directions);
        else if (WDec.FileOffset < 0) StreamRows(wanted, directions);
        else ReadRowsAlone(wanted, directions);
        if (DecoderScale is not null)
        {
            for (int i = 0; i < wanted.Length; i++)
                foreach (ref float value in directions.AsSpan(i * DIn, DIn)) value *= DecoderScale[wanted[i]];
        }
        return directions;
    }

    private void ReadRowsAlone(int[] latents, float[] directions)
    {
        long rowBytes = WDec.ByteLength / DSae;
        for (int i = 0; i < latents.Length; i++)
            WDec.Part([DIn], latents[i] * rowBytes).ReadSingles().CopyTo(directions, i * DIn);
    }

    private void StreamRows(int[] latents, float[] directions)
    {
        var places = Enumerable.Range(0, latents.Length).ToLookup(i => (long)latents[i]);
        WDec.ReadRows(DIn, (latent, row) =>
        {
            foreach (int place in places[latent]) row.CopyTo(directions.AsSpan(place * DIn));
        });
    }

    private void ReadColumns(int[] latents, float[] directions) => WDec.ReadRows(DSae, (dimension, row) =>
    {
        for (int i = 0; i < latents.Length; i++) directions[i * DIn + dimension] = row[latents[i]];
    });
}
