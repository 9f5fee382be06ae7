using SparseRM.Backends;
using SparseRM.Sae;
using SparseRM.Weights;

namespace SparseRM.Golden.Tests.Sae;

/// <summary>Every SAE format against its owner's activations and reconstruction, through a backend's encoder.</summary>
public class SaeGoldenTests
{
    public static readonly TheoryData<string, string> Cases = new(
        from golden in Directory.EnumerateFiles(SharedData.Shipped("goldens", "saes"), "golden.safetensors", SearchOption.AllDirectories).Order()
        from backend in GoldenBackends.Names
        select (Path.GetRelativePath(SharedData.Shipped("goldens", "saes"), Path.GetDirectoryName(golden)!), backend));

    [Theory, MemberData(nameof(Cases))]
    public void Activations_and_reconstruction_agree(string format, string backendName)
    {
        using var backend = GoldenBackends.Open(backendName);
        string folder = SharedData.Shipped("goldens", "saes", format);
        var sae = SaeFormatCatalog.Open(folder);
        Check(backend, sae, Path.Combine(folder, "golden.safetensors"), format.Contains("bf16") ? 4e-2 : 2e-5, $"{format} on {backendName}");
    }

    [Theory, MemberData(nameof(GoldenBackends.Rows), MemberType = typeof(GoldenBackends))]
    public void Llama_scope_agrees_in_saelens_mode(string backendName)
    {
        using var backend = GoldenBackends.Open(backendName);
        string folder = SharedData.Shipped("goldens", "saes", "llama-scope");
        var sae = SaeFormatCatalog.Open(folder, LlamaScopeMode.SaeLens);
        Check(backend, sae, Path.Combine(folder, "golden.saelens-mode.safetensors"), 2e-5, $"llama-scope, saelens mode, on {backendName}");
    }

    private static void Check(Backend backend, SparseAutoencoder sae, string goldenPath, double bound, string what)
    {
        var golden = SafetensorsFile.Open(goldenPath);
        float[] x = golden.Take("x").ReadSingles(), expected = golden.Take("feature_acts").ReadSingles();
        using var encoder = new SaeEncoder(backend, sae);
        var dense = new float[expected.Length];
        var sparse = new List<(int[], float[])>();
        encoder.Encode(x, (row, latents, activations) =>
        {
            for (int i = 0; i < latents.Length; i++) dense[row * sae.DSae + latents[i]] = activations[i];
            sparse.Add((latents.ToArray(), activations.ToArray()));
        });
        TensorAssert.Close(expected, dense, bound, $"feature_acts of {what}");
        if (golden.Contains("recon")) TensorAssert.Close(golden.Take("recon").ReadSingles(), SaeDecoder.Reconstruct(sae, x, sparse), bound, $"recon of {what}");
    }
}
