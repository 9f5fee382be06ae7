using System.Collections.Concurrent;

namespace SparseRM.Cuda;

/// <summary>NVIDIA's ptxas over the embedded images: each once for each device that runs it, all when the first is asked for.</summary>
internal static class Assembler
{
    private const string Prefix = "cuda/", Ending = ".ptx";

    /// <summary>The devices that an image's machine code is made for; the image for sm_80 runs on all of 8.x.</summary>
    private static readonly Dictionary<string, string[]> s_devices = new()
    {
        ["sm_80"] = ["sm_80", "sm_86", "sm_89"],
        ["sm_90a"] = ["sm_90a"],
    };

    private static readonly Lazy<ConcurrentDictionary<(string Image, string Device), string>> s_said = new(AssembleAll);

    /// <summary>Every image.</summary>
    public static IEnumerable<string> Images => Runs.Select(run => run.Image).Distinct();

    /// <summary>Every image ("matmul.sm_80") with every device that runs it.</summary>
    public static IEnumerable<(string Image, string Device)> Runs =>
        from name in typeof(Interop.NativeBackend).Assembly.GetManifestResourceNames()
        where name.StartsWith(Prefix, StringComparison.Ordinal) && name.EndsWith(Ending, StringComparison.Ordinal)
        let image = name[Prefix.Length..^Ending.Length]
        from device in s_devices[image[(image.LastIndexOf('.') + 1)..]]
        select (image, device);

    /// <summary>The text of an image, null where the build has none of that name.</summary>
    public static string? Text(string image)
    {
        using var stream = typeof(Interop.NativeBackend).Assembly.GetManifestResourceStream(Prefix + image + Ending);
        return stream is null ? null : new StreamReader(stream).ReadToEnd();
    }

    /// <summary>What ptxas -v said of an image for a device, led by its exit code where it refused; skips the test without ptxas.</summary>
    public static string Said(string image, string device)
    {
        Find();
        return s_said.Value[(image, device)];
    }

    private static string Find() => Tool.Find("ptxas", "what it makes of the kernels is not known.");

    private static ConcurrentDictionary<(string, string), string> AssembleAll()
    {
        var said = new ConcurrentDictionary<(string, string), string>();
        var two = new ParallelOptions { MaxDegreeOfParallelism = 2 };
        Parallel.ForEach(Runs, two, run => said[run] = Assemble(Text(run.Image)!, run.Device));
        return said;
    }

    private static string Assemble(string text, string device)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, text);
            var (exitCode, said) = Tool.Run(Find(), "-v", $"-arch={device}", "-o", "/dev/null", file);
            return exitCode == 0 ? said : $"exit code {exitCode}: {said}";
        }
        finally
        {
            File.Delete(file);
        }
    }
}
