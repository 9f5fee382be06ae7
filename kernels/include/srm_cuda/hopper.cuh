// What only compute capability 9.0 has: barriers that count bytes, copies of whole tiles (TMA) and products of four
// warps together (wgmma). tests/mock_cuda/emulated_hopper.h has the same functions in plain C++.
#pragma once
#include "srm_cuda/tensor_core.cuh"

#if SRM_SM90A

namespace srm {

// A matrix of rows of 64 bf16 in shared memory as TMA's 128-byte swizzle leaves it, eight rows being 1,024 bytes: the
// matrix descriptor of the PTX ISA. Address and stride are in units of 16 bytes.
SRM_DEVICE u64 matrix_descriptor(SharedAddress at) {
  constexpr u64 kStride = u64{1024 / 16} << 32, kSwizzle128 = u64{1} << 62, kLeading = u64{1} << 16;  // leading: unused
  return (at & 0x3ffff) >> 4 | kLeading | kStride | kSwizzle128;
}

}  // namespace srm

#if SRM_EMULATED
#include "emulated_hopper.h"
#else

namespace srm {

// ---- mbarriers, 8 bytes of shared memory each ----
SRM_DEVICE void barrier_init(SharedAddress barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

// Makes initialised barriers visible to the copies' hardware; a block-wide barrier follows.
SRM_DEVICE void barrier_init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster; fence.proxy.async;" ::: "memory");
}

SRM_DEVICE void barrier_arrive(SharedAddress barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

// Arrives and lets the phase end only after `bytes` have been copied.
SRM_DEVICE void barrier_arrive_expect(SharedAddress barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

// Waits for the end of the phase of that parity; of a new barrier, the phase before the first (parity 1) has ended. A
// phase that never ends is an error of the launch and no hang: each try waits by itself, and 2^24 take a tenth of a
// second at the very least, where a phase takes microseconds.
SRM_DEVICE void barrier_wait(SharedAddress barrier, u32 parity) {
  asm volatile(
      "{\n"
      ".reg .pred done, late;\n"
      ".reg .u32 tries;\n"
      "mov.u32 tries, 0;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@done bra ended;\n"
      "add.u32 tries, tries, 1;\n"
      "setp.gt.u32 late, tries, 16777216;\n"
      "@late trap;\n"
      "bra again;\n"
      "ended:\n"
      "}" ::"r"(barrier),
      "r"(parity)
      : "memory");
}

// Makes a CUtensorMap that the host has copied to global memory visible to this thread's copies; else they may go by
// what lay there before. Once a block; of PTX 8.3, so of drivers for CUDA 12.3.
SRM_DEVICE void tensor_map_fence(const void* map) {
  asm volatile("fence.proxy.tensormap::generic.acquire.sys [%0], 128;" ::"l"(map) : "memory");
}

// Copies the box of a CUtensorMap that begins at (column, row), zeros where it leaves the tensor; `barrier` counts the
// bytes. map: in global memory, aligned to 64 bytes, fenced.
SRM_DEVICE void copy_tile(SharedAddress to, const void* map, int column, int row, SharedAddress barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
          to),
      "l"(map), "r"(column), "r"(row), "r"(barrier)
      : "memory");
}

// ---- registers: all threads of the four warps call it ----
template <int kRegisters>
SRM_DEVICE void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
SRM_DEVICE void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

// ---- products of four warps ----
#define SRM_SUMS                                                                                 \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15,"                       \
  " %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31,"             \
  " %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47,"             \
  " %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63,"             \
  " %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79,"             \
  " %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95,"             \
  " %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111," \
  " %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}"

#define SRM_8(d, i)                                                                                           \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), \
      "+f"(d[i + 7])
#define SRM_32(d, i) SRM_8(d, i), SRM_8(d, i + 8), SRM_8(d, i + 16), SRM_8(d, i + 24)

// sums += a · bᵀ for a of [64, 64] and b of [256, 64], in four steps of k = 16; sums = a · bᵀ where `first`. Returns
// when it is done: all in one statement, since no compiler may touch the sums while a product is under way. Element
// sums[j * 4 + e]: row 16 * (warp % 4) + lane / 4 + e / 2 * 8, column j * 8 + lane % 4 * 2 + e % 2.
SRM_DEVICE void wgmma_m64n256k64(float (&sums)[128], u64 a, u64 b, bool first) {
  asm volatile(
      "{\n"
      ".reg .pred add, always;\n"
      ".reg .b64 a, b;\n"
      "setp.eq.s32 add, %130, 0;\n"
      "setp.eq.s32 always, %130, %130;\n"
      "wgmma.fence.sync.aligned;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 " SRM_SUMS
      ", %128, %129, add, 1, 1, 0, 0;\n"
      "add.s64 a, %128, 2;\n"
      "add.s64 b, %129, 2;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 " SRM_SUMS
      ", a, b, always, 1, 1, 0, 0;\n"
      "add.s64 a, %128, 4;\n"
      "add.s64 b, %129, 4;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 " SRM_SUMS
      ", a, b, always, 1, 1, 0, 0;\n"
      "add.s64 a, %128, 6;\n"
      "add.s64 b, %129, 6;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 " SRM_SUMS
      ", a, b, always, 1, 1, 0, 0;\n"
      "wgmma.commit_group.sync.aligned;\n"
      "wgmma.wait_group.sync.aligned 0;\n"
      "}"
      : SRM_32(sums, 0), SRM_32(sums, 32), SRM_32(sums, 64), SRM_32(sums, 96)
      : "l"(a), "l"(b), "r"(static_cast<int>(first))
      : "memory");
}

#undef SRM_32
#undef SRM_8
#undef SRM_SUMS

}  // namespace srm

#endif
#endif
