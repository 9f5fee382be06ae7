using SparseRM.Core.Tests.Weights;
using SparseRM.Errors;
using SparseRM.Sae;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Sae;

/// <summary>Folders with an SAE of 2 dimensions and 3 latents, for one broken thing at a time.</summary>
public sealed class TinySae : IDisposable
{
    public static readonly float[] WEnc = [1, 2, 3, 4, 5, 6], WDec = [3, 4, 0, 2, 1, 0], BEnc = [0.5f, 0, -1], BDec = [1, -1];

    private readonly TempFolder _folder = new();

    public string Path => _folder.Path;

    public void Dispose() => _folder.Dispose();

    public string File(string name) => _folder.File(name.Split('/'));

    public void Write(string name, string text) => _folder.Write(name, text);

    public void Write(string name, byte[] bytes) => _folder.Write(name, bytes);

    public void Tensors(string name, params TensorToWrite[] tensors)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(File(name))!);
        SafetensorsWriter.Write(File(name), tensors);
    }

    /// <summary>W_enc, W_dec, b_enc and b_dec as most formats call them, then what replaces or joins them.</summary>
    public void Standard(string name, params TensorToWrite[] others)
    {
        TensorToWrite[] standard =
        [
            TensorToWrite.Singles("W_enc", WEnc, 2, 3), TensorToWrite.Singles("W_dec", WDec, 3, 2),
            TensorToWrite.Singles("b_enc", BEnc, 3), TensorToWrite.Singles("b_dec", BDec, 2),
        ];
        Tensors(name, [.. standard.Where(tensor => others.All(other => other.Name != tensor.Name)), .. others]);
    }

    public SparseAutoencoder Open(string name = "", LlamaScopeMode mode = LlamaScopeMode.Official) => SaeFormatCatalog.Open(File(name), mode);

    public string Refusal(string name = "")
    {
        string message = Assert.Throws<ModelFormatException>(() => Open(name)).Message;
        Assert.StartsWith(Path, message);
        Assert.DoesNotContain('\n', message);
        return message;
    }
}
