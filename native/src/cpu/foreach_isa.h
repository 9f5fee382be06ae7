// Compiles SRM_KERNEL_FILE once for each instruction set, in the namespaces srm::scalar, srm::avx2 and srm::avx512;
// where an op has them, SRM_BF16_KERNEL_FILE in srm::avx512_bf16 and SRM_VNNI_KERNEL_FILE in srm::avx_vnni and
// srm::avx512_vnni. A kernel file is written over `Vec` (simd/vec_*.inc)
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

#ifdef SRM_VNNI_KERNEL_FILE
#pragma GCC push_options
#if defined(SRM_EMULATE_AVX_VNNI)
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")
#else
#pragma GCC target("avx2,fma,avxvnni")
#endif
namespace srm::avx_vnni {
#include "cpu/simd/dot_avx_vnni.inc"

#include SRM_VNNI_KERNEL_FILE
}  // namespace srm::avx_vnni
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")
namespace srm::avx512_vnni {
#include "cpu/simd/dot_avx512_vnni.inc"

#include SRM_VNNI_KERNEL_FILE
}  // namespace srm::avx512_vnni
#pragma GCC pop_options
#endif

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
