// y = x / sqrt(mean(x^2) + eps) * (weight + unit_offset) for groups of n columns, and the same after residual += delta.
// x, y: f32 rows [rows, groups * n], may be the same; weight [n].
#include "srm_cuda/row_norm.cuh"

using namespace srm;

// One warp a group: for short groups (the QK norms) and for many rows. block = 128, grid = ceil(rows * groups / 4).
extern "C" __global__ void __launch_bounds__(128)
    rms_norm_row_per_warp(const float* x, int x_stride, const float* weight, float* y, int y_stride, int rows,
                          int groups, int n, float eps, float unit_offset) {
  int task = static_cast<int>(blockIdx.x) * 4 + warp_index();
  if (task >= rows * groups) return;
  int row = task / groups, start = task % groups * n;
  const float* from = x + static_cast<i64>(row) * x_stride + start;
  float* to = y + static_cast<i64>(row) * y_stride + start;
  normalise<1>(from, weight, n, eps, unit_offset, [&](int i, float value) { to[i] = value; });
}
SRM_KERNEL(rms_norm_row_per_warp)

// One block a group: a long row is read by 256 threads at once. grid = rows * groups.
extern "C" __global__ void __launch_bounds__(256)
    rms_norm_row_per_block(const float* x, int x_stride, const float* weight, float* y, int y_stride, int rows,
                           int groups, int n, float eps, float unit_offset) {
  int task = static_cast<int>(blockIdx.x);
  if (task >= rows * groups) return;
  int row = task / groups, start = task % groups * n;
  const float* from = x + static_cast<i64>(row) * x_stride + start;
  float* to = y + static_cast<i64>(row) * y_stride + start;
  normalise<8>(from, weight, n, eps, unit_offset, [&](int i, float value) { to[i] = value; });
}
SRM_KERNEL(rms_norm_row_per_block)
