using SparseRM.Backends;
using SparseRM.Ilgpu;
using SparseRM.Interop;
using SparseRM.Interop.Cuda;

namespace SparseRM.Conformance;

/// <summary>kernels/evidence.json, which <see cref="EvidenceFile"/> writes, and what is made of it.</summary>
public class EvidenceTests
{
    private static IEnumerable<(string Backend, string Op, string Variant)> Kernels()
    {
        using var cpu = TestedBackends.Open(TestedBackends.Cpu, 1);
        foreach (var op in Enum.GetValues<OpKind>())
        {
            foreach (var variant in cpu.Variants(op)) yield return ("cpu", op.Name(), variant.Name);
            foreach (var variant in CudaBackend.Table(op)) yield return ("cuda", op.Name(), variant.Name);
            foreach (string kind in new[] { "ilgpu:cpu", "ilgpu:opencl" })
                foreach (var variant in IlgpuBackend.Table(op)) yield return (kind, op.Name(), variant.Name);
        }
    }

    [Fact]
    public void Every_line_is_of_a_kernel_that_there_is_and_none_is_there_twice()
    {
        var rows = KernelEvidence.Rows.Select(row => (row.Backend, row.Op, row.Variant)).ToArray();
        Assert.Equal(rows.Distinct().Count(), rows.Length);
        Assert.Empty(rows.Except(Kernels()));
        using var stream = File.OpenRead(Path.Combine(SharedData.Root, "kernels", "evidence.json"));
        Assert.Equal(KernelEvidence.Rows, KernelEvidence.Read(stream));
    }

    [Fact]
    public void What_is_chosen_by_itself_rests_on_something_and_what_is_not_was_never_seen_on_what_it_needs()
    {
        using var cpu = TestedBackends.Open(TestedBackends.Cpu, 1);
        foreach (var op in KernelEvidence.Rows.Where(row => row.Backend == "cpu").Select(row => OpNames.Parse(row.Op)!.Value).Distinct())
        {
            foreach (var variant in cpu.Variants(op))
                Assert.Equal(variant.Proven, KernelEvidence.Of("cpu", op, variant.Name).Evidence == Evidence.Hardware);
        }
        Assert.All(KernelEvidence.Rows.Where(row => row.Backend == "cuda"), row => Assert.Equal(Evidence.Emulated, row.Evidence));
    }

    [Fact]
    public void A_later_run_raises_what_is_known_and_never_lowers_it()
    {
        EvidenceRow Row(string variant, Evidence evidence, string on) => new("cuda", "matmul", variant, evidence, on, "2026-11-30", "0123456");
        EvidenceRow[] before = [Row("tiled", Evidence.Hardware, "a GPU"), Row("skinny", Evidence.Emulated, "mock")];
        EvidenceRow[] seen = [Row("tiled", Evidence.Emulated, "mock"), Row("skinny", Evidence.Hardware, "another GPU"), Row("mma_sync", Evidence.Emulated, "mock")];
        Assert.Equal([before[0], seen[1], seen[2]], EvidenceFile.Merge(before, seen));
        using var file = new MemoryStream();
        KernelEvidence.Write(file, seen);
        using var read = new MemoryStream(file.ToArray());
        Assert.Equal(seen.OrderBy(row => row.Variant, StringComparer.Ordinal), KernelEvidence.Read(read));
    }

    [Fact]
    public void An_emulation_of_instructions_is_no_processor_that_has_them()
    {
        Assert.Equal(Evidence.Emulated, EvidenceFile.Level("cpu", "amx_bf16", "cpu: 2 threads, avx2 avx512 amx_bf16 (emulated)"));
        Assert.Equal(Evidence.Hardware, EvidenceFile.Level("cpu", "avx2", "cpu: 2 threads, avx2 avx512 amx_bf16 (emulated)"));
        Assert.Equal(Evidence.Emulated, EvidenceFile.Level("ilgpu:cpu", "tiled", "ilgpu:cpu: ILGPU's CPU accelerator"));
        Assert.Equal(Evidence.Driver, EvidenceFile.Level("ilgpu:opencl:0", "tiled", "ilgpu:opencl:0: cpu-znver5, a processor, by Portable Computing Language"));
        Assert.Equal(Evidence.Hardware, EvidenceFile.Level("ilgpu:opencl:0", "tiled", "ilgpu:opencl:0: gfx942, by AMD Accelerated Parallel Processing"));
    }

    [Fact]
    public void A_backend_of_another_driver_is_not_taken_for_the_one_that_was_seen()
    {
        Assert.Equal(["cpu", "cuda", "ilgpu:cpu", "ilgpu:opencl", "ilgpu:cuda"],
            new[] { "cpu", "cuda:12", "ilgpu:cpu", "ilgpu:opencl:0", "ilgpu:cuda:0" }.Select(KernelEvidence.Kind));
        Assert.Equal(new EvidenceRow("ilgpu:cuda", "matmul", "tiled", Evidence.None, "", "", ""), KernelEvidence.Of("ilgpu:cuda:0", OpKind.MatMul, "tiled"));
        Assert.Matches("^[0-9a-f]{7}$", KernelEvidence.Commit);
    }
}
