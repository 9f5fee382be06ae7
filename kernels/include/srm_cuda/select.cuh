// Choosing and compacting by one block of 256 threads.
#pragma once
#include "srm_cuda/warp.cuh"

namespace srm {

// How many threads before this one have `holds`; total: how many of all.
SRM_DEVICE int rank_in_block(bool holds, int& total) {
  __shared__ int counts[8];
  u32 votes = ballot(holds);
  sync_block();  // the last counts have been read by all
  if (lane() == 0) counts[warp_index()] = bit_count(votes);
  sync_block();
  int before = bit_count(votes & ((1u << lane()) - 1u));
  total = 0;
  for (int i = 0; i < 8; i++) {
    if (i < warp_index()) before += counts[i];
    total += counts[i];
  }
  return before;
}

// The sum of the values of this thread and of those after it.
SRM_DEVICE int sum_from_here(int value) {
  __shared__ int sums[8];
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const int other = shfl(value, lane() + distance);
    if (lane() + distance < kWarp) value += other;
  }
  if (lane() == 0) sums[warp_index()] = value;
  sync_block();
  for (int i = warp_index() + 1; i < 8; i++) value += sums[i];
  return value;
}

// The k-th greatest of some positive values (0 where there are fewer), by four passes over their bits, eight at a time;
// `ties`: how many that equal it belong to the k greatest. Bits of positive floats are in the order of the floats.
// for_each(visit) calls visit(value) for this thread's share of the values; values of 0 or less do not count.
template <class ForEach>
SRM_DEVICE float kth_greatest(int k, int& ties, ForEach for_each) {
  __shared__ int histogram[256];
  __shared__ int chosen[2];
  u32 prefix = 0;
  int left = k;
  for (int shift = 24; shift >= 0; shift -= 8) {
    histogram[threadIdx.x] = 0;
    sync_block();
    for_each([&](float value) {
      u32 bits = bits_of(value);
      bool same = shift == 24 || bits >> (shift + 8) == prefix >> (shift + 8);
      if (value > 0.0f && same) add_atomically(&histogram[bits >> shift & 255u], 1);
    });
    if (threadIdx.x == 0) chosen[0] = -1;
    sync_block();
    // The bin in which the k-th lies: with it there are enough, in those above it alone too few. For k = 0 it is the
    // last one, that of NaN, which nothing equals or exceeds.
    const int own = histogram[threadIdx.x], from_here = sum_from_here(own);
    if (from_here >= left && (from_here - own < left || threadIdx.x == 255)) {
      chosen[0] = static_cast<int>(threadIdx.x);
      chosen[1] = left - (from_here - own);
    }
    sync_block();
    if (chosen[0] < 0) return ties = 0, 0.0f;  // fewer than k: only in the first pass
    prefix |= static_cast<u32>(chosen[0]) << shift;
    left = chosen[1];
    sync_block();
  }
  ties = left;
  return from_bits(prefix);
}

}  // namespace srm
