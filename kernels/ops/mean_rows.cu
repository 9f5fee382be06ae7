// y[i] = mean of x[starts[i]] .. x[starts[i + 1] - 1], f32 rows, summed in f64 in row order. One block a row of y.
#include "srm_cuda/platform.cuh"

using namespace srm;

extern "C" __global__ void __launch_bounds__(256)
    mean_rows_row_per_block(const float* x, int x_stride, const int* starts, float* y, int y_stride, int columns) {
  int first = starts[blockIdx.x], end = starts[blockIdx.x + 1];
  y += static_cast<i64>(blockIdx.x) * y_stride;
  for (int i = static_cast<int>(threadIdx.x); i < columns; i += static_cast<int>(blockDim.x)) {
    double sum = 0.0;
    for (int row = first; row < end; row++) sum += static_cast<double>(x[static_cast<i64>(row) * x_stride + i]);
    y[i] = static_cast<float>(sum / static_cast<double>(end - first));
  }
}
SRM_KERNEL(mean_rows_row_per_block)
