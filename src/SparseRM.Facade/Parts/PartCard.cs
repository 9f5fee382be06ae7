using System.Text.Encodings.Web;
using System.Text.Json;
using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Parts;

/// <summary>What a folder of parts says of itself in <c>scores.json</c>: of which input its parts are, and by what means.</summary>
/// <param name="Input">Name of the input, without its folder.</param>
/// <param name="InputBytes">Bytes of the input.</param>
/// <param name="Format">How parts are laid out.</param>
/// <param name="Fingerprint">What computed the scores.</param>
/// <example><code>Console.WriteLine(PartCard.Read("scores")?.Input ?? "no parts");</code></example>
public sealed record PartCard(string Input, long InputBytes, RowFormat Format, ScoringFingerprint Fingerprint)
{
    /// <summary>The card of a folder; null where it has none.</summary>
    /// <exception cref="SparseRMException">It cannot be read, or is no card.</exception>
    public static PartCard? Read(string folder)
    {
        string path = PathIn(folder);
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = json.RootElement;
            string format = "." + root.GetProperty("format").GetString();
            return new PartCard(root.GetProperty("input").GetString() ?? "", root.GetProperty("input_bytes").GetInt64(),
                Enum.GetValues<RowFormat>().First(known => PartWriter.EndingOf(known) == format), ScoringFingerprint.Read(root));
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new SparseRMException($"{path}: is no card of a folder of scores; choose another folder", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SparseRMException($"{path}: cannot be read ({error.Message.TrimEnd('.')})", error);
        }
    }

    /// <summary>Insists that the parts are of this input and in this format.</summary>
    /// <param name="folder">The folder, for the message.</param>
    /// <param name="input">Path of the input.</param>
    /// <param name="format">The format.</param>
    /// <exception cref="SparseRMException">They are not, or there is no such file.</exception>
    public void RequireInput(string folder, string input, RowFormat format)
    {
        var (name, bytes) = Of(input);
        if (Input != name || InputBytes != bytes)
            throw new SparseRMException(ErrorKind.Mismatch, $"{folder}: has parts of {Input} with {InputBytes} bytes, not of {name} with {bytes}; choose another folder for another input");
        if (Format != format)
            throw new SparseRMException(ErrorKind.Mismatch, $"{folder}: has parts in {PartWriter.EndingOf(Format)[1..]}, not in {PartWriter.EndingOf(format)[1..]}; choose another folder, or the same format");
    }

    /// <summary>The card's name in a folder.</summary>
    internal static string PathIn(string folder) => Path.Combine(folder, "scores.json");

    /// <summary>The card of an input's folder.</summary>
    internal static PartCard For(string input, RowFormat format, ScoringFingerprint fingerprint)
    {
        var (name, bytes) = Of(input);
        return new PartCard(name, bytes, format, fingerprint);
    }

    /// <summary>The file's content.</summary>
    public void WriteTo(Stream stream)
    {
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("input", Input);
            json.WriteNumber("input_bytes", InputBytes);
            json.WriteString("format", PartWriter.EndingOf(Format)[1..]);
            Fingerprint.WriteTo(json);
            json.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
    }

    private static (string Name, long Bytes) Of(string input)
    {
        var file = new FileInfo(input);
        if (!file.Exists) throw new DataFormatException(input, 0, "there is no such file");
        return (file.Name, file.Length);
    }
}
