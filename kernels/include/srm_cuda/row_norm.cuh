// The root-mean-square norm of one row by 32 * warps threads; shared by rms_norm and add_rms_norm, so that both give
// the same bits.
#pragma once
#include "srm_cuda/warp.cuh"

namespace srm {

// Calls write(i, x[i] / sqrt(mean(x^2) + eps) * (weight[i] + unit_offset)) for the thread's share of i < n. Thread t
// sums the squares of x[t], x[t + 32 * warps], ... in f32; then block_sum. write may overwrite x[i].
template <int warps, typename Write>
SRM_DEVICE void normalise(const float* x, const float* weight, int n, float eps, float unit_offset, Write write) {
  int first = static_cast<int>(threadIdx.x) & (kWarp * warps - 1);
  float squares = 0.0f;
  for (int i = first; i < n; i += kWarp * warps) squares = fma_(x[i], x[i], squares);
  squares = warps == 1 ? warp_sum(squares) : block_sum<warps>(squares);
  float factor = 1.0f / sqrt_(squares / static_cast<float>(n) + eps);
  for (int i = first; i < n; i += kWarp * warps) write(i, x[i] * factor * (weight[i] + unit_offset));
}

}  // namespace srm
