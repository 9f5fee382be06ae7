// What the threads of a warp and of a block tell each other. Sums have one order, whatever the compiler does.
#pragma once
#include "srm_cuda/math.cuh"

namespace srm {

#if SRM_EMULATED
inline void sync_block() { emu::sync_block(); }
inline void sync_warp() { emu::sync_warp(); }
inline float shfl(float value, int from) { return emu::exchange(value)[from & 31]; }
inline int shfl(int value, int from) { return emu::exchange(value)[from & 31]; }
inline float shfl_xor(float value, int mask) { return emu::exchange(value)[emu::lane() ^ mask]; }
inline int shfl_xor(int value, int mask) { return emu::exchange(value)[emu::lane() ^ mask]; }
inline double shfl_xor(double value, int mask) { return emu::exchange(value)[emu::lane() ^ mask]; }
inline u32 ballot(bool holds) {
  const int* votes = emu::exchange<int>(holds);
  u32 mask = 0;
  for (int i = 0; i < kWarp; i++) mask |= static_cast<u32>(votes[i] != 0) << i;
  return mask;
}
inline int bit_count(u32 mask) { return __builtin_popcount(mask); }
inline int add_atomically(int* to, int value) { return std::exchange(*to, *to + value); }
inline void add_atomically(float* to, float value) {
  emu::require_on_device(to, sizeof *to);
  *to += value;
}
inline void lower_atomically(u64* to, u64 value) { *to = min_(*to, value); }
#elif defined(__NVCC__)
SRM_DEVICE void sync_block() { __syncthreads(); }
SRM_DEVICE void sync_warp() { __syncwarp(); }
template <typename T>
SRM_DEVICE T shfl(T value, int from) {
  return __shfl_sync(0xffffffffu, value, from);
}
template <typename T>
SRM_DEVICE T shfl_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
SRM_DEVICE u32 ballot(bool holds) { return __ballot_sync(0xffffffffu, holds); }
SRM_DEVICE int bit_count(u32 mask) { return __popc(mask); }
SRM_DEVICE int add_atomically(int* to, int value) { return atomicAdd(to, value); }
SRM_DEVICE void add_atomically(float* to, float value) { atomicAdd(to, value); }
SRM_DEVICE void lower_atomically(u64* to, u64 value) { atomicMin(to, value); }
#else
SRM_DEVICE void sync_block() { __syncthreads(); }
SRM_DEVICE void sync_warp() { __nvvm_bar_warp_sync(0xffffffffu); }
SRM_DEVICE int shfl(int value, int from) { return __nvvm_shfl_sync_idx_i32(0xffffffffu, value, from, 31); }
SRM_DEVICE float shfl(float value, int from) { return __nvvm_shfl_sync_idx_f32(0xffffffffu, value, from, 31); }
SRM_DEVICE int shfl_xor(int value, int mask) { return __nvvm_shfl_sync_bfly_i32(0xffffffffu, value, mask, 31); }
SRM_DEVICE float shfl_xor(float value, int mask) { return __nvvm_shfl_sync_bfly_f32(0xffffffffu, value, mask, 31); }
SRM_DEVICE double shfl_xor(double value, int mask) {
  u64 bits = __builtin_bit_cast(u64, value);
  u32 low = static_cast<u32>(shfl_xor(static_cast<int>(bits), mask));
  u32 high = static_cast<u32>(shfl_xor(static_cast<int>(bits >> 32), mask));
  return __builtin_bit_cast(double, static_cast<u64>(high) << 32 | low);
}
SRM_DEVICE u32 ballot(bool holds) { return __nvvm_vote_ballot_sync(0xffffffffu, holds); }
SRM_DEVICE int bit_count(u32 mask) { return __builtin_popcount(mask); }
SRM_DEVICE int add_atomically(int* to, int value) { return __atomic_fetch_add(to, value, __ATOMIC_RELAXED); }
SRM_DEVICE void add_atomically(float* to, float value) {
  asm volatile("red.global.add.f32 [%0], %1;" ::"l"(to), "f"(value) : "memory");
}
SRM_DEVICE void lower_atomically(u64* to, u64 value) { __atomic_fetch_min(to, value, __ATOMIC_RELAXED); }
#endif

SRM_DEVICE int lane() { return static_cast<int>(threadIdx.x) & 31; }
SRM_DEVICE int warp_index() { return static_cast<int>(threadIdx.x) >> 5; }

// The sum over the warp's lanes, the same bits in each: pairs at distance 16, 8, 4, 2, 1.
template <typename T>
SRM_DEVICE T warp_sum(T value) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) value = value + shfl_xor(value, distance);
  return value;
}

SRM_DEVICE float warp_max(float value) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) value = max_(value, shfl_xor(value, distance));
  return value;
}

// The sum over a block of 32 * warps threads, the same bits in each: warp_sum, then the warps in order.
template <int warps, typename T>
SRM_DEVICE T block_sum(T value) {
  __shared__ T parts[warps];
  value = warp_sum(value);
  sync_block();  // the last use of parts has been read by all
  if (lane() == 0) parts[warp_index()] = value;
  sync_block();
  value = parts[0];
#pragma unroll
  for (int i = 1; i < warps; i++) value = value + parts[i];
  return value;
}

}  // namespace srm
