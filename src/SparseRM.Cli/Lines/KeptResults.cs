using System.Runtime.InteropServices;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Lines;
using SparseRM.Weights;

namespace SparseRM.Cli.Lines;

/// <summary>Results beside the file that they will become: what a killed run leaves there, the same command goes on from.</summary>
/// <remarks>
/// The name is <c>FILE.KEY.partial</c>, KEY being all that decides a result but the input: reward model, model, kernels and options. Lines of the input are
/// compared with the lines that are there.
/// </remarks>
internal sealed class KeptResults : IDisposable
{
    private const string Ending = ".partial";
    private const int KeyLength = 16;
    private readonly string _target;
    private FileStream? _file;

    private KeptResults(string target, string path) => (_target, Path) = (target, path);

    /// <summary>Where results are until they are complete.</summary>
    public string Path { get; }

    /// <summary>Lines that were there already.</summary>
    public long Lines { get; private set; }

    /// <summary>Those of them that have no score but an error.</summary>
    public long Bad { get; private set; }

    /// <summary>Finds what an earlier run left.</summary>
    /// <param name="output">What <c>--output</c> says; no device.</param>
    /// <param name="key">Hash, in hexadecimal, of all that decides a result but the input.</param>
    /// <exception cref="SparseRMException">There are results of another command.</exception>
    public static KeptResults At(string output, string key)
    {
        string target = AtomicFile.Target(output), path = Named(target, key[..KeyLength]);
        foreach (string other in Directory.EnumerateFiles(System.IO.Path.GetDirectoryName(target)!, "*" + Ending))
        {
            string name = System.IO.Path.GetFileName(other)[..^Ending.Length];
            if (name.Length <= KeyLength || other == path || Named(target, name[^KeyLength..]) != other) continue;
            throw new SparseRMException($"{other}: these are results of a run that was ended, with another reward file, model, backend or other options; "
                + "repeat that command to go on, or remove the file to start over");
        }
        return new KeptResults(target, path);
    }

    /// <summary>Compares what is there with the input, which is left behind the lines that have results.</summary>
    /// <param name="input">The input before its first line.</param>
    /// <param name="inputPath">The input, for messages.</param>
    /// <param name="keepBad">Whether lines without a score are kept; else the first one and all after it are scored again.</param>
    /// <returns>Whether a line of the input was read that has no result: it is the current one.</returns>
    /// <exception cref="SparseRMException">The results are of another input.</exception>
    public bool Compare(IEnumerator<ScoreInput> input, string inputPath, bool keepBad)
    {
        if (!File.Exists(Path)) return false;
        long end = CutAfterLastLine(), at = 0;
        bool isRead = false;
        if (end > 0)
        {
            foreach (var kept in ScoreInputFile.Read(Path, new ScoreInputOptions { KeepBad = true }))
            {
                if (!input.MoveNext()) throw Other(inputPath, $"which has {Lines} lines only");
                if (!AreSame(input.Current.Source, kept.Source)) throw Other(inputPath, $"whose line {input.Current.Line} is another");
                bool isBad = kept.Source.TryGetProperty("error", out _);
                if (isBad && !keepBad)
                {
                    isRead = true;
                    break;
                }
                Lines++;
                Bad += isBad ? 1 : 0;
            }
            at = isRead ? StartOf(Lines) : end;
        }
        if (at < end)
            using (var file = new FileStream(Path, FileMode.Open, FileAccess.Write)) file.SetLength(at);
        return isRead;
    }

    /// <summary>Adds whole lines.</summary>
    public void Write(ReadOnlySpan<byte> lines)
    {
        _file ??= new FileStream(Path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        _file.Write(lines);
    }

    /// <summary>Makes the results the file.</summary>
    public void Finish()
    {
        _file ??= new FileStream(Path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        _file.Flush(flushToDisk: true);
        _file.Dispose();
        File.Move(Path, _target, overwrite: true);
    }

    /// <summary>Leaves what is there for the next run.</summary>
    public void Dispose() => _file?.Dispose();

    private static string Named(string target, string key) => AtomicFile.Beside(target, $".{key}{Ending}");

    private SparseRMException Other(string inputPath, string why) =>
        new(ErrorKind.Mismatch, $"{Path}: these are results of another input than {inputPath}, {why}; give that input, or remove the file to start over");

    // A line that cannot be read has no fields to compare.
    private static bool AreSame(JsonElement input, JsonElement kept)
    {
        var given = Fields(input).GetEnumerator();
        foreach (var field in Fields(kept))
        {
            if (!given.MoveNext() || given.Current.Name != field.Name) return false;
            if (!JsonMarshal.GetRawUtf8Value(given.Current.Value).SequenceEqual(JsonMarshal.GetRawUtf8Value(field.Value))) return false;
        }
        return !given.MoveNext();
    }

    private static IEnumerable<JsonProperty> Fields(JsonElement line) => line.ValueKind == JsonValueKind.Object
        ? line.EnumerateObject().Where(field => !ScoreLineWriter.Names.Contains(field.Name)) : [];

    /// <summary>Removes a line that was being written when the run ended.</summary>
    private long CutAfterLastLine()
    {
        using var file = new FileStream(Path, FileMode.Open, FileAccess.ReadWrite);
        var block = new byte[1 << 16];
        for (long end = file.Length; end > 0;)
        {
            int length = (int)Math.Min(end, block.Length);
            file.Position = end - length;
            file.ReadExactly(block, 0, length);
            int newline = block.AsSpan(0, length).LastIndexOf((byte)'\n');
            end -= length;
            if (newline < 0) continue;
            file.SetLength(end + newline + 1);
            return end + newline + 1;
        }
        file.SetLength(0);
        return 0;
    }

    /// <summary>Where the line after so many lines begins.</summary>
    private long StartOf(long lines)
    {
        using var file = new BufferedStream(new FileStream(Path, FileMode.Open, FileAccess.Read), 1 << 16);
        while (lines > 0)
            if (file.ReadByte() == '\n') lines--;
        return file.Position;
    }
}
