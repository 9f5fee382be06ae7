// y = x · wᵀ + bias for few rows: as fast as the weights can be read.
#include "srm_cuda/tensor_core.cuh"

using namespace srm;

namespace {

constexpr int kRows = 32, kColumns = 16, kDepth = 256, kStages = 4, kThreads = 128;
constexpr int kRowBytes = kDepth * 2, kStageBytes = (kRows + kColumns) * kRowBytes;
static_assert(kStages * kStageBytes == 98304);

// Warp w copies rows w, w + 4, ...: a lane takes one of the row's 32 chunks of 16 bytes, which lies at chunk ^ (row %
// 8).
template <int count>
SRM_DEVICE void load_rows(SharedAddress to, const bf16* first, int stride, int rows, int k, int inputs) {
  const int chunk = lane(), bytes = min_(16, max_(0, (inputs - k - chunk * 8) * 2));
#pragma unroll
  for (int i = 0; i < count; i += 4) {
    const int row = i + warp_index();
    const bool there = row < rows && bytes > 0;
    const bf16* from = there ? first + static_cast<i64>(row) * stride + k + chunk * 8 : first;
    cp_async_16(to + row * kRowBytes + (chunk ^ row % 8) * 16, from, there ? bytes : 0);
  }
}

}  // namespace

// A block computes 32 rows of 16 outputs, each of its four warps 16 rows of 8, in stages of k = 256: 24,576 bytes each,
// 98,304 for four, of which three (24 KiB of weights) are under way while one is multiplied. Outputs of 2,304 make 144
// blocks, one for each SM. Why not mma_sync: its tiles of 128 columns make 18 blocks of the same matrix, so most SMs
// read nothing. Bits are those of mma_sync: one sum for each output, over the same steps of k = 16 by the same
// instruction. grid = (ceil(outputs / 16), ceil(rows / 32)), block = 128, dynamic shared memory 98,304 bytes. inputs
// >= 3.
extern "C" __global__ void __launch_bounds__(kThreads)
    matmul_skinny_bf16(const bf16* x, int x_stride, const bf16* w, int w_stride, const float* bias, float* y,
                       int y_stride, int rows, int inputs, int outputs) {
  SRM_DYNAMIC_SHARED(char, dynamic_shared);
  const SharedAddress shared = shared_address(dynamic_shared);
  const int first_row = static_cast<int>(blockIdx.y) * kRows, first_column = static_cast<int>(blockIdx.x) * kColumns;
  const bf16* x_tile = x + static_cast<i64>(first_row) * x_stride;
  const bf16* w_tile = w + static_cast<i64>(first_column) * w_stride;
  const int steps = (inputs + kDepth - 1) / kDepth;
  auto load = [&](int step) {
    if (step < steps) {
      SharedAddress stage = shared + step % kStages * kStageBytes;
      load_rows<kRows>(stage, x_tile, x_stride, rows - first_row, step * kDepth, inputs);
      load_rows<kColumns>(stage + kRows * kRowBytes, w_tile, w_stride, outputs - first_column, step * kDepth, inputs);
    }
    cp_async_commit();
  };

  const int l = lane(), row_half = warp_index() % 2 * 16, column_half = warp_index() / 2 * 8;
  float sums[4] = {};
#pragma unroll
  for (int step = 0; step < kStages - 1; step++) load(step);
  for (int step = 0; step < steps; step++) {
    cp_async_wait<kStages - 2>();
    sync_block();
    load(step + kStages - 1);
    const SharedAddress stage = shared + step % kStages * kStageBytes;
    const SharedAddress a_row = stage + (row_half + l % 16) * kRowBytes;
    const SharedAddress b_row = stage + (kRows + column_half + l % 8) * kRowBytes;
#pragma unroll
    for (int k = 0; k < kDepth / 16; k += 2) {  // one ldmatrix brings w for two steps of k = 16
      u32 a[4], b[4];
      ldmatrix_x4(b, b_row + ((k * 2 + l / 8) ^ l % 8) * 16);
      ldmatrix_x4(a, a_row + ((k * 2 + l / 16) ^ l % 8) * 16);
      mma_m16n8k16(sums, a, {b[0], b[1]});
      ldmatrix_x4(a, a_row + ((k * 2 + 2 + l / 16) ^ l % 8) * 16);
      mma_m16n8k16(sums, a, {b[2], b[3]});
    }
  }

  cp_async_wait<0>();
  const int column = first_column + column_half + l % 4 * 2;
#pragma unroll
  for (int e = 0; e < 4; e++) {
    const int row = first_row + row_half + l / 4 + e / 2 * 8, at = column + e % 2;
    if (row < rows && at < outputs)
      y[static_cast<i64>(row) * y_stride + at] = sums[e] + (bias == nullptr ? 0.0f : bias[at]);
  }
}

SRM_KERNEL(matmul_skinny_bf16)
