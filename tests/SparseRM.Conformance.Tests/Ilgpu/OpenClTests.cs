using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;
using SparseRM.Ilgpu;

namespace SparseRM.Conformance.Ilgpu;

/// <summary>What ILGPU makes of every kernel but those for tensor cores, in OpenCL C. Read by a compiler, not run: no device is needed.</summary>
public sealed class OpenClTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sparserm-opencl-").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    /// <summary>
    /// ILGPU writes <c>if (x &gt; 0)</c> as a jump where <c>x &lt;= 0</c>, and for OpenCL without its unordered case: a NaN would pass.
    /// </summary>
    [Fact]
    public void No_kernel_that_may_meet_a_NaN_compares_floats()
    {
        var kernels = Sources().Where(k => Regex.IsMatch(k.Kernel, "^(Sae|Score)")).ToArray();
        Assert.Equal(8, kernels.Length);
        foreach (var (kernel, source) in kernels)
        {
            string[] compared = [.. Regex.Matches(source, @"\((\w+)\) \w+ (?:<|>|<=|>=|==|!=) ").Select(m => m.Groups[1].Value)];
            Assert.NotEmpty(compared);
            Assert.All(compared, type => Assert.False(type is "float" or "double", $"{kernel} compares a {type}"));
        }
    }

    [Fact]
    public void Every_kernel_is_OpenCL_C()
    {
        var files = new List<string>();
        foreach (var (kernel, source) in Sources())
        {
            Assert.Contains("kernel void", source);
            files.Add(Path.Combine(_folder, $"{files.Count}.cl"));
            File.WriteAllText(files[^1], source);
        }
        string compiler = Tool.Find("clang-19", "what ILGPU wrote is OpenCL C as far as ILGPU knows.");
        string[] options =
        [
            "-x", "cl", "-cl-std=CL3.0", "-target", "spir64-unknown-unknown", "-Xclang", "-finclude-default-header",
            "-Xclang", "-fdeclare-opencl-builtins", "-Xclang", "-cl-ext=+all", "-fsyntax-only",
        ];
        var (exitCode, said) = Tool.Run(compiler, [.. options, .. files]);
        Assert.True(exitCode == 0, said);
    }

    private static IEnumerable<(string Kernel, string Source)> Sources()
    {
        using var context = Context.Create(builder => builder.EnableAlgorithms());
        // With all that a device may have but halves.
        var device = new CLCapabilityContext(float16: false, float64: true, genericAddressSpace: true, int64_Atomics: true, subGroups: true);
        using var backend = new CLBackend(context, device, CLDeviceVendor.Other, new CLCVersion(3, 0));
        foreach (var kernel in IlgpuKernels.All.Where(kernel => !kernel.Name.StartsWith("MatMul.MmaSync", StringComparison.Ordinal)))
        {
            var entry = EntryPointDescription.FromExplicitlyGroupedKernel(kernel.Method);
            yield return (kernel.Name, ((CLCompiledKernel)backend.Compile(entry, new KernelSpecialization())).Source);
        }
    }
}
