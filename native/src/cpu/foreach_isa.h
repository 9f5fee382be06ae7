// Compiles SRM_KERNEL_FILE once for each instruction set, in the namespaces srm::scalar, srm::avx2 and srm::avx512, and
// SRM_BF16_KERNEL_FILE, where an op has one, in srm::avx512_bf16. A kernel file is written over `Vec` (simd/vec_*.inc)
// and holds functions alone: no includes, no namespaces. Pragmas and not per-file flags: only code between push and pop
// may use the wide registers, so no inline function of a system header can leak into the code that runs on small
// machines.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "backend.h"
#include "matrix.h"
#include "operand.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define SRM_INLINE inline __attribute__((always_inline))

namespace srm::scalar {
#include "cpu/simd/vec_scalar.inc"

#include SRM_KERNEL_FILE
}  // namespace srm::scalar

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace srm::avx2 {
#include "cpu/simd/vec_avx2.inc"

#include SRM_KERNEL_FILE
}  // namespace srm::avx2
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")
namespace srm::avx512 {
#include "cpu/simd/vec_avx512.inc"

#include SRM_KERNEL_FILE
}  // namespace srm::avx512
#pragma GCC pop_options

#ifdef SRM_BF16_KERNEL_FILE
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")
namespace srm::avx512_bf16 {
#include "cpu/simd/vec_avx512.inc"

#include SRM_BF16_KERNEL_FILE
}  // namespace srm::avx512_bf16
#pragma GCC pop_options
#endif
#endif
