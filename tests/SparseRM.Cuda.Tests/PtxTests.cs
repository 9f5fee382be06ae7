using System.Text.RegularExpressions;

namespace SparseRM.Cuda;

/// <summary>A hot kernel as its PTX must be.</summary>
/// <param name="Module">Its file in kernels/ops, without the ending.</param>
/// <param name="Entry">Its name.</param>
/// <param name="Parameters">How many the launcher gives it.</param>
/// <param name="Threads">Of a block: its launch bound.</param>
/// <param name="BlocksPerSm">Blocks that must fit an SM: the other launch bound, which limits registers; 0 for none.</param>
/// <param name="Instructions">What it is fast by.</param>
public sealed record HotKernel(string Module, string Entry, int Parameters, int Threads, int BlocksPerSm, params string[] Instructions)
{
    /// <summary>The targets that have it.</summary>
    public string[] Targets { get; init; } = ["sm_80", "sm_90a"];

    public override string ToString() => Entry;
}

/// <summary>Reads the PTX that the build embeds: what can be known of the kernels where there is no GPU.</summary>
public sealed partial class PtxTests
{
    private const string Mma = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32";
    private const string Load = "ldmatrix.sync.aligned.m8n8.x4.shared.b16";
    private const string TransposedLoad = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16";
    private const string Copy = "cp.async.cg.shared.global";
    private const string Wait = "cp.async.wait_group";
    private const string Exponential = "ex2.approx.ftz.f32";
    private const string Add = "atom.global.add.u32";
    private static readonly string[] s_warpgroups =
    [
        "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16",
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes",
        "fence.proxy.tensormap::generic.acquire.sys",
        "mbarrier.arrive.expect_tx.shared::cta.b64",
        "mbarrier.try_wait.parity.shared::cta.b64",
        "setmaxnreg.inc.sync.aligned.u32 232",
        "setmaxnreg.dec.sync.aligned.u32 40",
    ];

    private static readonly HotKernel[] s_kernels =
    [
        new("matmul_mma_sync", "matmul_mma_sync_bf16", 10, 128, 2, Mma, Load, Copy, Wait),
        new("matmul_skinny", "matmul_skinny_bf16", 10, 128, 0, Mma, Load, Copy, Wait),
        new("gated_matmul_mma_sync", "gated_matmul_mma_sync_bf16", 11, 128, 2, Mma, Load, Copy, Wait),
        new("attention_flash", "attention_flash_64_bf16", 17, 128, 4, Mma, Load, TransposedLoad, Copy, Wait, Exponential),
        new("attention_flash", "attention_flash_128_bf16", 17, 128, 3, Mma, Load, TransposedLoad, Copy, Wait, Exponential),
        new("attention_flash", "attention_flash_256_bf16", 17, 128, 2, Mma, Load, TransposedLoad, Copy, Wait, Exponential),
        new("sae_encode_mma_sync", "sae_encode_mma_sync_bf16", 19, 128, 2, Mma, Load, Copy, Wait, Add),
        new("matmul_wgmma_tma", "matmul_wgmma_tma_bf16", 12, 384, 1, s_warpgroups) { Targets = ["sm_90a"] },
        new("gated_matmul_wgmma_tma", "gated_matmul_wgmma_tma_bf16", 14, 384, 1, s_warpgroups) { Targets = ["sm_90a"] },
    ];

    public static TheoryData<HotKernel, string> Images =>
        [.. s_kernels.SelectMany(kernel => kernel.Targets.Select(target => new TheoryDataRow<HotKernel, string>(kernel, target)))];

    [Theory, MemberData(nameof(Images))]
    public void A_hot_kernel_has_its_parameters_bounds_and_instructions(HotKernel kernel, string target)
    {
        var entry = Entry(kernel, target);
        Assert.Equal(kernel.Parameters, Parameter().Count(entry.Head));
        Assert.Equal($"{kernel.Threads}, 1, 1", Directive(entry.Head, "maxntid"));
        Assert.Equal(kernel.BlocksPerSm == 0 ? null : $"{kernel.BlocksPerSm}", Directive(entry.Head, "minnctapersm"));
        Assert.All(kernel.Instructions, instruction => Assert.Contains(instruction, entry.Body));
    }

    [Theory, MemberData(nameof(Images))]
    public void A_hot_kernel_keeps_everything_in_registers(HotKernel kernel, string target)
    {
        string body = Entry(kernel, target).Body;
        Assert.DoesNotContain(".local", body);
        Assert.DoesNotMatch(@"\n\s*(\{ *)?call", body);  // what is not inlined hands arrays over through local memory
    }

    /// <summary>
    /// Without a rounding mode an assembler may contract products and sums to others: only with one has a device the bits of the emulation. What is
    /// added to memory by several threads (<c>red</c>, <c>atom</c>) are counts, which are exact.
    /// </summary>
    [Fact]
    public void Every_sum_and_product_says_how_it_is_rounded()
    {
        if (!Assembler.Images.Any()) Assert.Skip("this build has no CUDA kernels: neither clang-19 nor nvcc was there.");
        foreach (string image in Assembler.Images)
        {
            var unsaid = Arithmetic().Matches(Assembler.Text(image)!).Select(match => match.Value.Trim()).Where(line => !line.Contains(".rn"));
            Assert.True(!unsaid.Any(), $"{image}: {string.Join("; ", unsaid.Distinct())}");
        }
    }

    [Theory, MemberData(nameof(Images))]
    public void No_wait_for_a_barrier_is_without_an_end(HotKernel kernel, string target)
    {
        string body = Entry(kernel, target).Body;
        Assert.Equal(Regex.Count(body, @"mbarrier\.try_wait"), Regex.Count(body, "@late trap;"));
        Assert.Equal(kernel.Instructions == s_warpgroups, body.Contains("@late trap;"));
    }

    [Fact]
    public void What_only_9_0_has_is_in_no_image_for_8_0()
    {
        foreach (var kernel in s_kernels.Where(k => !k.Targets.Contains("sm_80"))) Assert.DoesNotContain(kernel.Entry, Image(kernel.Module, "sm_80"));
    }

    /// <summary>Elsewhere the tests of kernels skip where there is no compiler for them; a run that is to prove something may not.</summary>
    [Fact]
    public void CI_has_the_kernels() => Assert.True(
        Assembler.Runs.Any() || string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI")), "CI is set, and this build has no CUDA kernels: apt-get install clang-19");

    public static TheoryData<string, string> Runs =>
        [.. Assembler.Runs.Select(run => new TheoryDataRow<string, string>(run.Image, run.Device))];

    [Theory(SkipTestWithoutData = true), MemberData(nameof(Runs))]
    public void The_assembler_takes_every_image_for_every_device_that_runs_it(string image, string device)
    {
        string said = Assembler.Said(image, device);
        Assert.DoesNotContain("exit code", said);
        Assert.DoesNotContain("warning", said);
        Assert.DoesNotContain("Potential Performance Loss", said);  // products of warpgroups that wait for one another
        Assert.Equal(EntryName().Count(Assembler.Text(image)!), Regex.Count(said, "Compiling entry function"));
    }

    [Theory, MemberData(nameof(Images))]
    public void The_assembler_spills_no_register_of_a_hot_kernel(HotKernel kernel, string target)
    {
        Image(kernel.Module, target);
        string said = Assembler.Said($"{kernel.Module}.{target}", target);
        Assert.Matches($@"properties for {kernel.Entry}\s+0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads", said);
    }

    private static string Image(string module, string target)
    {
        string? text = Assembler.Text($"{module}.{target}");
        if (text is null && !Assembler.Runs.Any()) Assert.Skip("this build has no CUDA kernels: neither clang-19 nor nvcc was there.");
        Assert.True(text is not null, $"the build has kernels, but no {module} for {target}");
        return text;
    }

    /// <summary>An entry's parameters and bounds, and what follows up to the next entry.</summary>
    private static (string Head, string Body) Entry(HotKernel kernel, string target)
    {
        string image = Image(kernel.Module, target);
        int start = image.IndexOf($".entry {kernel.Entry}(", StringComparison.Ordinal);
        Assert.True(start >= 0, $"{kernel.Module} for {target} has no entry {kernel.Entry}");
        int brace = image.IndexOf("\n{", start, StringComparison.Ordinal), next = image.IndexOf(".entry ", brace, StringComparison.Ordinal);
        return (image[start..brace], image[brace..(next < 0 ? image.Length : next)]);
    }

    private static string? Directive(string head, string name) =>
        Regex.Match(head, $@"\.{name} ([0-9, ]+)") is { Success: true } found ? found.Groups[1].Value.Trim() : null;

    [GeneratedRegex(@"(?<![.\w])(add|sub|mul|fma|mad|div|sqrt)(\.\w+)*\.f(32|64)\b[^;]*;")]
    private static partial Regex Arithmetic();

    [GeneratedRegex(@"\.param \.\w+ ")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"\.entry \w+\(")]
    private static partial Regex EntryName();
}
