// y = x · wᵀ + bias in tiles of 128 x 128 on tensor cores; see tile_product.cuh.
#include "srm_cuda/tile_product.cuh"

using namespace srm;

// A block computes a tile; blocks are renumbered so that neighbours in time share rows and columns in the second cache.
// Why not the plain variant: it multiplies in f32 registers, 1/16 of the tensor cores' rate (A100: 19.5 against 312
// TFLOP/s, data sheet). y needs no alignment: pairs of sums go out as 8 bytes only where pointer and stride allow it.
// grid = (ceil(outputs / 128), ceil(rows / 128)), block = 128, dynamic shared memory 98,304 bytes. inputs >= 3: then
// strides are multiples of 8. 128 threads and two blocks an SM leave 255 registers a thread, of which 128 are sums.
extern "C" __global__ void __launch_bounds__(TileProduct::kThreads, 2)
    matmul_mma_sync_bf16(const bf16* x, int x_stride, const bf16* w, int w_stride, const float* bias, float* y,
                         int y_stride, int rows, int inputs, int outputs) {
  SRM_DYNAMIC_SHARED(char, dynamic_shared);
  const TilePlace place = tile_place(static_cast<int>(gridDim.y), static_cast<int>(gridDim.x),
                                     static_cast<int>(blockIdx.y * gridDim.x + blockIdx.x));
  const int first_row = place.row * TileProduct::kRows, first_column = place.column * TileProduct::kColumns;
  auto half = [&](int column) {
    return TileHalf{w + (column < outputs ? static_cast<i64>(column) * w_stride : 0), outputs - column};
  };

  TileProduct tile;
  tile.compute(x + static_cast<i64>(first_row) * x_stride, x_stride, rows - first_row, half(first_column),
               half(first_column + 64), w_stride, inputs, shared_address(dynamic_shared));

  const bool pairs = y_stride % 2 == 0 && reinterpret_cast<u64>(y) % 8 == 0;
#pragma unroll
  for (int j = 0; j < 8; j++) {
    const int column = first_column + j / 4 * 64 + TileProduct::column(j, 0);
    if (column >= outputs) continue;
    const bool both = column + 1 < outputs;
    const float low = bias == nullptr ? 0.0f : bias[column], high = bias == nullptr || !both ? 0.0f : bias[column + 1];
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int e = 0; e < 4; e += 2) {
        const int row = first_row + TileProduct::row(i, e);
        if (row >= rows) continue;
        float* to = y + static_cast<i64>(row) * y_stride + column;
        store_pair(to, tile.sums[i][j][e] + low, tile.sums[i][j][e + 1] + high, both, pairs);
      }
    }
  }
}

SRM_KERNEL(matmul_mma_sync_bf16)
