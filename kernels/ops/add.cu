// y = a + b, f32 rows; y may be a or b. One block a row.
#include "srm_cuda/platform.cuh"

using namespace srm;

extern "C" __global__ void __launch_bounds__(256)
    add_row_per_block(const float* a, int a_stride, const float* b, int b_stride, float* y, int y_stride, int columns) {
  i64 row = blockIdx.x;
  a += row * a_stride, b += row * b_stride, y += row * y_stride;
  for (int i = static_cast<int>(threadIdx.x); i < columns; i += static_cast<int>(blockDim.x)) y[i] = a[i] + b[i];
}
SRM_KERNEL(add_row_per_block)
