// The PTX-only pieces of the tensor-core kernels (sm_80 and later), each behind one small function. Fragment layouts
// are those of the PTX ISA, "Matrix Fragments for mma.m16n8k16": with g = lane / 4 and t = lane % 4,
//   a: {(g, 2t), (g, 2t+1)}, {(g+8, 2t), ..}, {(g, 2t+8), ..}, {(g+8, 2t+8), ..}      [rows m, columns k], two bf16 a
//   register b: {(k = 2t, n = g), (2t+1, g)}, {(2t+8, g), (2t+9, g)} c: (g, 2t), (g, 2t+1), (g+8, 2t), (g+8, 2t+1)
//   [rows m, columns n], f32
// tests/mock_cuda/emulated_tensor_core.h has the same functions in plain C++.
#pragma once

#include "srm_cuda/warp.cuh"

#if SRM_EMULATED
#include "emulated_tensor_core.h"
#else

namespace srm {

// An address in shared memory as the instructions below take it; sums with byte offsets are addresses too.
using SharedAddress = u32;

SRM_DEVICE SharedAddress shared_address(const void* at) {
  u32 address;
  asm("{ .reg .u64 wide; cvta.to.shared.u64 wide, %1; cvt.u32.u64 %0, wide; }" : "=r"(address) : "l"(at));
  return address;
}

// c += a · b for a of [16, 16] and b of [16, 8].
SRM_DEVICE void mma_m16n8k16(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four 8 x 8 matrices of 16-bit elements: lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, aligned) and
// gets elements (l / 4, 2 (l % 4)) and the next one of each matrix.
SRM_DEVICE void ldmatrix_x4(u32 (&r)[4], SharedAddress row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row)
               : "memory");
}

// As ldmatrix_x4, each matrix transposed: elements (2 (l % 4), l / 4) and (2 (l % 4) + 1, l / 4).
SRM_DEVICE void ldmatrix_x4_trans(u32 (&r)[4], SharedAddress row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row)
               : "memory");
}

// Starts a copy of 16 bytes, of which the first `bytes` are read and the others are zeros; both addresses are aligned
// to 16 bytes, and `from` is valid even for 0 bytes. Goes round the first cache: tiles are shared between blocks, not
// warps.
SRM_DEVICE void cp_async_16(SharedAddress to, const void* from, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

// Closes this thread's group of copies; an empty group counts too.
SRM_DEVICE void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most kPending of this thread's latest groups are under way; other threads see the copies after a
// barrier.
template <int kPending>
SRM_DEVICE void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

// 2^x to 2 ulp; exactly 1 for 0 and exactly 0 for -infinity.
SRM_DEVICE float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// 1 / x to 1 ulp.
SRM_DEVICE float reciprocal_approx(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Both rounded to nearest even, low in the lower half.
SRM_DEVICE u32 pack_bf16(float low, float high) {
  u32 both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}

// Writes four bytes to shared memory, aligned.
SRM_DEVICE void store_shared(SharedAddress to, u32 value) {
  asm volatile("st.shared.u32 [%0], %1;" ::"r"(to), "r"(value) : "memory");
}

struct alignas(16) Bytes16 {
  u32 words[4];
};

// Reads 16 bytes from shared memory, aligned.
SRM_DEVICE Bytes16 load_shared_16(SharedAddress from) {
  Bytes16 b;
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(b.words[0]), "=r"(b.words[1]), "=r"(b.words[2]), "=r"(b.words[3])
               : "r"(from)
               : "memory");
  return b;
}

}  // namespace srm
#endif
