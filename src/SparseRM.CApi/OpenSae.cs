using SparseRM.Sae;

namespace SparseRM.CApi;

/// <summary>An SAE's encoder on a backbone's backend. Thread-safe: its calls take turns with the backbone's own.</summary>
internal sealed class OpenSae : IDisposable
{
    private const string Loading = "loading the SAE";
    private const int RowsATurn = 512;
    private readonly Backbone _backbone;
    private SaeEncoder? _encoder;

    private OpenSae(Backbone backbone, SparseAutoencoder description) => (_backbone, Description) = (backbone, description);

    /// <summary>Loads an SAE of the backbone's width.</summary>
    /// <exception cref="SparseRM.Errors.SparseRMException">It cannot be read, or is of another width.</exception>
    public static OpenSae Open(Backbone backbone, string path, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        progress?.Report(new WorkProgress(Loading, 0, 2));
        cancel.ThrowIfCancellationRequested();
        var description = SaeFormatCatalog.Open(path);
        if (description.DIn != backbone.DModel)
        {
            throw new SparseRM.Errors.SparseRMException(SparseRM.Errors.ErrorKind.Mismatch,
                $"{path}: the SAE's d_in is {description.DIn}, the model's residual stream is {backbone.DModel} wide; use an SAE of this model");
        }
        foreach (string note in description.Notes) Library.Log(1, note);
        progress?.Report(new WorkProgress(Loading, 1, 2));
        var sae = new OpenSae(backbone.Share(), description);
        try
        {
            backbone.Engine.Use(() =>
            {
                cancel.ThrowIfCancellationRequested();
                sae._encoder = new SaeEncoder(backbone.Backend, description);
            });
            progress?.Report(new WorkProgress(Loading, 2, 2));
            cancel.ThrowIfCancellationRequested();
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

    /// <summary>The active latents of raw residual states [rows, d_in], some rows at a turn.</summary>
    /// <param name="states">The caller's, finite; read where they lie.</param>
    /// <param name="rows">How many.</param>
    /// <param name="row">Told of each row, within a turn.</param>
    /// <param name="call">Told of the rows, and heard between turns.</param>
    public unsafe void Encode(float* states, long rows, SaeEncoder.RowReader row, CallScope call)
    {
        for (long done = 0; done < rows;)
        {
            call.Progress?.Report(new WorkProgress("encoding", done, rows));
            call.Token.ThrowIfCancellationRequested();
            int start = (int)done, count = (int)Math.Min(RowsATurn, rows - done);
            _backbone.Engine.Use(() => _encoder!.Encode(new ReadOnlySpan<float>(states + start * (long)Description.DIn, count * Description.DIn),
                (r, latents, values) => row(start + r, latents, values)));
            done += count;
        }
        call.Progress?.Report(new WorkProgress("encoding", rows, rows));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _backbone.Engine.Use(() => _encoder?.Dispose());
        _backbone.Dispose();
    }
}
