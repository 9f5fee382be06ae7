using System.Diagnostics;
using System.Xml.Linq;

namespace SparseRM.Conformance;

/// <summary>What the build looks for before it compiles the kernels, and what it says where that is missing.</summary>
public sealed class NativeToolsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sparserm-tools-").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Theory]
    [InlineData(true, "cmake", "c++", "make")]
    [InlineData(true, "cmake", "clang++", "ninja")]
    [InlineData(false, "cmake", "g++")]
    [InlineData(false, "cmake", "make")]
    [InlineData(false, "g++", "make", "ninja")]
    public void Finds_the_tools_or_says_that_they_are_missing(bool found, params string[] tools)
    {
        foreach (string tool in tools) File.CreateSymbolicLink(Path.Combine(_folder, tool), "/bin/sh");
        var start = new ProcessStartInfo("/bin/sh", ["-c", Property("NativeTools")]) { RedirectStandardOutput = true };
        start.Environment["PATH"] = _folder;
        using var process = Process.Start(start)!;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(found, process.ExitCode == 0);
    }

    [Fact]
    public void Names_every_package_to_install() => Assert.EndsWith("apt-get install cmake g++ make", Property("NativeMissing"));

    private static string Property(string name) =>
        XDocument.Load(Path.Combine(SharedData.Root, "src", "SparseRM.Interop", "NativeLibrary.targets")).Descendants(name).Single().Value;
}
