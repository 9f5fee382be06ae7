using SparseRM.Sae;

namespace SparseRM.CApi;

/// <summary>An SAE's encoder on a backbone's backend. Thread-safe: its calls take turns with the backbone's own.</summary>
internal sealed class OpenSae : IDisposable
{
    private readonly Backbone _backbone;
    private SaeEncoder? _encoder;

    private OpenSae(Backbone backbone, SparseAutoencoder description) => (_backbone, Description) = (backbone, description);

    /// <summary>Loads an SAE of the backbone's width.</summary>
    /// <exception cref="SparseRM.Errors.SparseRMException">It cannot be read, or is of another width.</exception>
    public static OpenSae Open(Backbone backbone, string path)
    {
        var description = SaeFormatCatalog.Open(path);
        if (description.DIn != backbone.DModel)
        {
            throw new SparseRM.Errors.SparseRMException(SparseRM.Errors.ErrorKind.Mismatch,
                $"{path}: the SAE's d_in is {description.DIn}, the model's residual stream is {backbone.DModel} wide; use an SAE of this model");
        }
        foreach (string note in description.Notes) Library.Log(1, note);
        var sae = new OpenSae(backbone.Share(), description);
        try
        {
            backbone.Engine.Use(() => sae._encoder = new SaeEncoder(backbone.Backend, description));
            return sae;
        }
        catch
        {
            sae.Dispose();
            throw;
        }
    }

    /// <summary>The SAE.</summary>
    public SparseAutoencoder Description { get; }

    /// <summary>The active latents of raw residual states [n, d_in].</summary>
    public void Encode(float[] states, SaeEncoder.RowReader row) => _backbone.Engine.Use(() => _encoder!.Encode(states, row));

    /// <inheritdoc/>
    public void Dispose()
    {
        _backbone.Engine.Use(() => _encoder?.Dispose());
        _backbone.Dispose();
    }
}
