// y[i] = x[rows[i]], f32 rows. One block a row.
#include "srm_cuda/platform.cuh"

using namespace srm;

extern "C" __global__ void __launch_bounds__(256)
    gather_rows_row_per_block(const float* x, int x_stride, const int* rows, float* y, int y_stride, int columns) {
  x += static_cast<i64>(rows[blockIdx.x]) * x_stride;
  y += static_cast<i64>(blockIdx.x) * y_stride;
  for (int i = static_cast<int>(threadIdx.x); i < columns; i += static_cast<int>(blockDim.x)) y[i] = x[i];
}
SRM_KERNEL(gather_rows_row_per_block)
