// y = act(x · gateᵀ) * (x · upᵀ), rounded to the operand's type; the padding of its rows becomes zero. x: operand
// [rows, inputs]; gate, up [outputs, inputs]. The products never reach memory. grid = (ceil(outputs / 64), ceil(rows /
// 64)).
#include "srm_cuda/tile.cuh"

using namespace srm;

template <typename TX, typename TW, typename TY>
SRM_DEVICE void gated_matmul_tiled(const TX* x, int x_stride, const TW* gate, const TW* up, int w_stride, int kind,
                                   TY* y, int y_stride, int rows, int inputs, int outputs) {
  int first_row = static_cast<int>(blockIdx.y) * kTile, first_output = static_cast<int>(blockIdx.x) * kTile;
  float gates[4][4], ups[4][4];
  multiply_tile(x, x_stride, gate, w_stride, first_row, rows, first_output, outputs, inputs, gates);
  multiply_tile(x, x_stride, up, w_stride, first_row, rows, first_output, outputs, inputs, ups);
  // Columns to y_stride, which the last tile of a row always reaches: padding is less than a tile.
  for_each_of_tile(first_row, rows, first_output, y_stride, [&](int row, int output, int i, int j) {
    float value = output < outputs ? activated(kind, gates[i][j]) * ups[i][j] : 0.0f;
    y[static_cast<i64>(row) * y_stride + output] = rounded<TY>(value);
  });
}

#define GATED_MATMUL_TILED(suffix, tx, tw, ty)                                                                     \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      gated_matmul_tiled_##suffix(const tx* x, int x_stride, const tw* gate, const tw* up, int w_stride, int kind, \
                                  ty* y, int y_stride, int rows, int inputs, int outputs) {                        \
    gated_matmul_tiled(x, x_stride, gate, up, w_stride, kind, y, y_stride, rows, inputs, outputs);                 \
  }                                                                                                                \
  SRM_KERNEL(gated_matmul_tiled_##suffix)

GATED_MATMUL_TILED(bf16, bf16, bf16, bf16)
GATED_MATMUL_TILED(f32, float, float, float)
GATED_MATMUL_TILED(f32_bf16, float, bf16, float)  // bf16 weights under f32 compute
