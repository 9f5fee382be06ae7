using System.Text;

namespace SparseRM.Fuzz;

/// <summary>A reader under test: what valid inputs look like, and how one is read.</summary>
/// <param name="Name">Name on the command line.</param>
/// <param name="FileName">Name of the file that holds the input.</param>
/// <param name="Read">Reads the input, whose path it is given, and uses what was read.</param>
/// <param name="Seeds">Small valid inputs.</param>
internal sealed record FuzzReader(string Name, string FileName, Action<string> Read, params byte[][] Seeds)
{
    /// <summary>Words of the format that mutations write.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>Files that lie beside the input, unchanged.</summary>
    public IReadOnlyList<(string Name, byte[] Content)> Beside { get; init; } = [];

    /// <summary>A text as the bytes of a seed.</summary>
    public static byte[] Seed(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>A seed that is a file of this project.</summary>
    public static byte[] File(string name)
    {
        using var stream = typeof(FuzzReader).Assembly.GetManifestResourceStream(name)!;
        using var content = new MemoryStream();
        stream.CopyTo(content);
        return content.ToArray();
    }
}
