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

    [Fact]
    public void Every_kernel_is_OpenCL_C()
    {
        using var context = Context.Create(builder => builder.EnableAlgorithms());
        // With all that a device may have but halves.
        var device = new CLCapabilityContext(float16: false, float64: true, genericAddressSpace: true, int64_Atomics: true, subGroups: true);
        using var backend = new CLBackend(context, device, CLDeviceVendor.Other, new CLCVersion(3, 0));
        var files = new List<string>();
        foreach (var kernel in IlgpuKernels.All.Where(kernel => !kernel.Name.StartsWith("MatMul.MmaSync", StringComparison.Ordinal)))
        {
            var entry = EntryPointDescription.FromExplicitlyGroupedKernel(kernel.Method);
            string source = ((CLCompiledKernel)backend.Compile(entry, new KernelSpecialization())).Source;
            Assert.Contains("kernel void", source);
            files.Add(Path.Combine(_folder, $"{files.Count}_{kernel.Method.Name}.cl"));
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
}
