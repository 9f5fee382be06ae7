// A tile of x · wᵀ in f32 without tensor cores: 256 threads, 64 rows by 64 outputs, 4 by 4 a thread.
#pragma once
#include "srm_cuda/warp.cuh"

namespace srm {

inline constexpr int kTile = 64, kTileDepth = 16;

// Loads [64 rows, 16 columns] at (first, k) of a matrix into to[column][row]; what lies outside becomes zero.
template <typename T>
SRM_DEVICE void load_tile(const T* matrix, int stride, int first, int rows, int k, int columns,
                          float (&to)[kTileDepth][kTile + 1]) {
  for (int i = static_cast<int>(threadIdx.x); i < kTile * kTileDepth; i += 256) {
    int row = i / kTileDepth, column = i % kTileDepth;
    bool inside = first + row < rows && k + column < columns;
    to[column][row] = inside ? to_float(matrix[static_cast<i64>(first + row) * stride + k + column]) : 0.0f;
  }
}

// sum[i][j] = x[row] · w[output] for row = first_row + 16 i + threadIdx.x / 16, output = first_output + 16 j +
// threadIdx.x % 16. One chain of fma in the order of k for every output, whatever its place in the tile.
template <typename TX, typename TW>
SRM_DEVICE void multiply_tile(const TX* x, int x_stride, const TW* w, int w_stride, int first_row, int rows,
                              int first_output, int outputs, int inputs, float (&sum)[4][4]) {
  __shared__ float xs[kTileDepth][kTile + 1], ws[kTileDepth][kTile + 1];
  int down = static_cast<int>(threadIdx.x) / 16, across = static_cast<int>(threadIdx.x) % 16;
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) sum[i][j] = 0.0f;
  for (int k = 0; k < inputs; k += kTileDepth) {
    sync_block();  // the last tiles have been read by all
    load_tile(x, x_stride, first_row, rows, k, inputs, xs);
    load_tile(w, w_stride, first_output, outputs, k, inputs, ws);
    sync_block();
#pragma unroll
    for (int depth = 0; depth < kTileDepth; depth++)
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) sum[i][j] = fma_(xs[depth][down + 16 * i], ws[depth][across + 16 * j], sum[i][j]);
  }
}

// Calls write(row, output, i, j) for the thread's elements that lie inside.
template <typename Write>
SRM_DEVICE void for_each_of_tile(int first_row, int rows, int first_output, int outputs, Write write) {
  int down = static_cast<int>(threadIdx.x) / 16, across = static_cast<int>(threadIdx.x) % 16;
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) {
      int row = first_row + down + 16 * i, output = first_output + across + 16 * j;
      if (row < rows && output < outputs) write(row, output, i, j);
    }
}

}  // namespace srm
