using System.Runtime.InteropServices;

namespace SparseRM.Cuda;

/// <summary>The emulated instructions against what the manuals say, and kernels on shapes that no op of the backend reaches.</summary>
public sealed partial class EmulatedKernelTests
{
    private const string Library = "srm_mock_cuda";

    [Fact]
    public void Emulated_fragments_and_copies_are_those_of_the_instruction_set() => Check(srm_check_tensor_core());

    [Fact]
    public void Emulated_barriers_tile_copies_and_warpgroups_are_those_of_the_instruction_set() => Check(srm_check_hopper());

    [Fact]
    public void Each_misuse_of_barriers_tile_copies_and_warpgroups_becomes_a_sentence() => Check(srm_check_hopper_faults());

    [Fact]
    public void Products_of_warpgroups_are_the_same_whatever_the_order_of_warps_and_copies() => Check(srm_check_warpgroup_products());

    [Fact]
    public void Few_rows_have_the_same_bits_in_the_skinny_product() => Check(srm_check_skinny());

    [Fact]
    public void TopK_over_chunks_of_latents_chooses_as_over_all_of_them() => Check(srm_check_sae_chunks());

    private static void Check(nint sentence) => Assert.Null(Marshal.PtrToStringUTF8(sentence));

    [LibraryImport(Library)]
    private static partial nint srm_check_tensor_core();

    [LibraryImport(Library)]
    private static partial nint srm_check_hopper();

    [LibraryImport(Library)]
    private static partial nint srm_check_hopper_faults();

    [LibraryImport(Library)]
    private static partial nint srm_check_warpgroup_products();

    [LibraryImport(Library)]
    private static partial nint srm_check_skinny();

    [LibraryImport(Library)]
    private static partial nint srm_check_sae_chunks();
}
