// y = act(x · gateᵀ) * (x · upᵀ) on tensor cores, rounded to bf16; see tile_product.cuh.
#include "srm_cuda/known_kind.cuh"
#include "srm_cuda/tile_product.cuh"

using namespace srm;

// A block computes 128 rows of 64 outputs: its 128 columns of w are 64 rows of gate and the same 64 rows of up, so each
// thread holds both factors of its outputs in registers. Why not two products and gated_activation: that writes and
// reads 16 bytes an output where this writes 2. grid = (ceil(outputs / 64), ceil(rows / 128)), block = 128, dynamic
// shared memory 98,304 bytes. inputs and outputs >= 3. kind as GatedActivationKind. y_stride is outputs rounded up to
// 8; the columns between are written too, as zeros: there both sums are exact zeros.
extern "C" __global__ void __launch_bounds__(TileProduct::kThreads, 2)
    gated_matmul_mma_sync_bf16(const bf16* x, int x_stride, const bf16* gate, const bf16* up, int w_stride, int kind,
                               bf16* y, int y_stride, int rows, int inputs, int outputs) {
  SRM_DYNAMIC_SHARED(char, dynamic_shared);
  const TilePlace place = tile_place(static_cast<int>(gridDim.y), static_cast<int>(gridDim.x),
                                     static_cast<int>(blockIdx.y * gridDim.x + blockIdx.x));
  const int first_row = place.row * TileProduct::kRows, first_column = place.column * 64;
  const i64 at = static_cast<i64>(first_column) * w_stride;
  const int columns = outputs - first_column;

  TileProduct tile;
  tile.compute(x + static_cast<i64>(first_row) * x_stride, x_stride, rows - first_row, {gate + at, columns},
               {up + at, columns}, w_stride, inputs, shared_address(dynamic_shared));

  auto& sums = tile.sums;
  // One fragment of rows at a time, and what is left moves up: 64 activations of three kinds in one piece would be
  // 10,000 instructions, and too many intermediate values for the registers that 128 sums leave.
#pragma unroll 1
  for (int i = 0; i < 4; i++) {
    with_known_kind(kind, [&](auto known) SRM_INLINED {
#pragma unroll
      for (int j = 0; j < 4; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) sums[0][j][e] = known.activated(sums[0][j][e]) * sums[0][j + 4][e];
    });
#pragma unroll
    for (int e = 0; e < 4; e += 2) {
      const int row = first_row + TileProduct::row(i, e);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const int column = first_column + TileProduct::column(j, 0);
        if (row < rows && column < y_stride)
          *reinterpret_cast<u32*>(y + static_cast<i64>(row) * y_stride + column) =
              pack_bf16(sums[0][j][e], sums[0][j][e + 1]);
      }
    }
#pragma unroll
    for (int next = 1; next < 4; next++)
#pragma unroll
      for (int j = 0; j < 8; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) sums[next - 1][j][e] = sums[next][j][e];
  }
}

SRM_KERNEL(gated_matmul_mma_sync_bf16)
