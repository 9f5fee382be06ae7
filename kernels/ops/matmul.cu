// y = x · wᵀ + bias. x: operand [rows, inputs]; w [outputs, inputs]; bias [outputs] or null; y: f32 rows [rows,
// outputs]. Sums in f32. grid = (ceil(outputs / 64), ceil(rows / 64)).
#include "srm_cuda/tile.cuh"

using namespace srm;

template <typename TX, typename TW>
SRM_DEVICE void matmul_tiled(const TX* x, int x_stride, const TW* w, int w_stride, const float* bias, float* y,
                             int y_stride, int rows, int inputs, int outputs) {
  int first_row = static_cast<int>(blockIdx.y) * kTile, first_output = static_cast<int>(blockIdx.x) * kTile;
  float sum[4][4];
  multiply_tile(x, x_stride, w, w_stride, first_row, rows, first_output, outputs, inputs, sum);
  for_each_of_tile(first_row, rows, first_output, outputs, [&](int row, int output, int i, int j) {
    y[static_cast<i64>(row) * y_stride + output] = bias == nullptr ? sum[i][j] : sum[i][j] + bias[output];
  });
}

#define MATMUL_TILED(suffix, tx, tw)                                                                           \
  extern "C" __global__ void __launch_bounds__(256)                                                            \
      matmul_tiled_##suffix(const tx* x, int x_stride, const tw* w, int w_stride, const float* bias, float* y, \
                            int y_stride, int rows, int inputs, int outputs) {                                 \
    matmul_tiled(x, x_stride, w, w_stride, bias, y, y_stride, rows, inputs, outputs);                          \
  }                                                                                                            \
  SRM_KERNEL(matmul_tiled_##suffix)

MATMUL_TILED(bf16, bf16, bf16)
MATMUL_TILED(f32, float, float)
MATMUL_TILED(f32_bf16, float, bf16)  // bf16 weights under f32 compute
