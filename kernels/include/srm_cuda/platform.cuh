// The words of CUDA C++, without a toolkit: under clang (-nocudainc -nocudalib) they are defined here, under nvcc they
// exist already, under any other C++ compiler the emulation of tests/mock_cuda supplies them.
#pragma once

#if defined(__NVCC__)
#define SRM_EMULATED 0
#elif defined(__CUDA__)
#define SRM_EMULATED 0
#include <__clang_cuda_builtin_vars.h>
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __forceinline__ __inline__ __attribute__((always_inline))
#else
#define SRM_EMULATED 1
#include "emulation.h"
#endif

#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || SRM_EMULATED
#define SRM_SM90A 1  // what only compute capability 9.0 has: wgmma, setmaxnreg
#else
#define SRM_SM90A 0
#endif

#define SRM_DEVICE __device__ __forceinline__
// Behind the parameters of a lambda that touches arrays in registers: not inlined, they would lie in local memory.
#define SRM_INLINED __attribute__((always_inline))

#if SRM_EMULATED
#define SRM_DYNAMIC_SHARED(type, name) type* name = static_cast<type*>(emu::dynamic_shared())
#else
// SRM_KERNEL(name) at the foot of a .cu makes the kernel known to the emulation.
#define SRM_KERNEL(name)
// The block's dynamic shared memory, aligned to 128 bytes.
#define SRM_DYNAMIC_SHARED(type, name)                                 \
  extern __shared__ __attribute__((aligned(128))) char srm_dynamic_[]; \
  type* name = reinterpret_cast<type*>(srm_dynamic_)
#endif

namespace srm {

using i64 = long long;
using u64 = unsigned long long;
using u32 = unsigned int;
using u16 = unsigned short;

// bfloat16 and binary16 by their bits; math.cuh converts.
struct bf16 {
  u16 bits;
};
struct f16 {
  u16 bits;
};

inline constexpr int kWarp = 32;

}  // namespace srm
