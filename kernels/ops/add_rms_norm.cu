// delta = norm(delta; delta_weight) where there is one; residual += delta where there is one; y = norm(residual;
// weight), rounded to the operand's type. residual, delta: f32 rows [rows, n]; delta and delta_weight may be null.
#include "srm_cuda/row_norm.cuh"

using namespace srm;

template <int warps, typename T>
SRM_DEVICE void add_rms_norm(float* residual, int residual_stride, float* delta, int delta_stride,
                             const float* delta_weight, const float* weight, float eps, float unit_offset, T* y,
                             int y_stride, int rows, int n) {
  constexpr int kThreads = kWarp * warps;
  int row = warps == 1 ? static_cast<int>(blockIdx.x) * 4 + warp_index() : static_cast<int>(blockIdx.x);
  if (row >= rows) return;
  int first = static_cast<int>(threadIdx.x) & (kThreads - 1);
  residual += static_cast<i64>(row) * residual_stride;
  delta += static_cast<i64>(row) * delta_stride;  // stays null where stride is 0
  y += static_cast<i64>(row) * y_stride;
  // A thread writes and later reads the same elements, so the passes need no barrier of their own.
  if (delta_weight != nullptr)
    normalise<warps>(delta, delta_weight, n, eps, unit_offset, [&](int i, float value) { delta[i] = value; });
  if (delta != nullptr)
    for (int i = first; i < n; i += kThreads) residual[i] = residual[i] + delta[i];
  normalise<warps>(residual, weight, n, eps, unit_offset, [&](int i, float value) { y[i] = rounded<T>(value); });
  for (int i = n + first; i < y_stride; i += kThreads) y[i] = rounded<T>(0.0f);
}

#define ADD_RMS_NORM(variant, threads, warps, type, suffix)                                                        \
  extern "C" __global__ void __launch_bounds__(threads) add_rms_norm_##variant##_##suffix(                         \
      float* residual, int residual_stride, float* delta, int delta_stride, const float* delta_weight,             \
      const float* weight, float eps, float unit_offset, type* y, int y_stride, int rows, int n) {                 \
    add_rms_norm<warps>(residual, residual_stride, delta, delta_stride, delta_weight, weight, eps, unit_offset, y, \
                        y_stride, rows, n);                                                                        \
  }                                                                                                                \
  SRM_KERNEL(add_rms_norm_##variant##_##suffix)

// One warp a row, four rows a block.
ADD_RMS_NORM(row_per_warp, 128, 1, float, f32)
ADD_RMS_NORM(row_per_warp, 128, 1, bf16, bf16)
// One block a row.
ADD_RMS_NORM(row_per_block, 256, 8, float, f32)
ADD_RMS_NORM(row_per_block, 256, 8, bf16, bf16)
