// A tile of x · wᵀ [128 rows, 128 columns] by one block of four warps, for products whose epilogues differ.
//
// Each warp owns 64 x 64 sums in registers (128 a thread), so a step of k = 16 costs it 8 ldmatrix for 32 mma; with
// eight warps of 64 x 32 it would be 6 for 16, and shared memory would set the pace. x and w arrive by cp.async in
// stages of k = 64, three of them: (128 + 128) * 64 * 2 = 32,768 bytes a stage, 98,304 in all, so two blocks fit an SM
// of 9.0 (227 KiB) and one fits any from 8.0 on (at least 99 KiB a block). A row of a stage is 128 bytes; its eight
// chunks of 16 bytes lie at chunk ^ (row % 8), which makes every ldmatrix and every copy free of bank conflicts.
//
// Each sum runs over k in steps of 16 from 0, whatever the tile's place and the number of rows: a row's bits depend on
// that row alone. Beyond the last row, column or k the stage holds zeros.
#pragma once
#include "srm_cuda/tensor_core.cuh"
#include "srm_cuda/tile_place.cuh"

namespace srm {

// Which rows of w are a tile's 128 columns: two halves of 64, so that a gated product takes one from each matrix.
struct TileHalf {
  const bf16* first;  // the half's first row; valid memory even for no rows
  int rows;           // rows of w from there on, 0 or less for none
};

struct TileProduct {
  static constexpr int kRows = 128, kColumns = 128, kDepth = 64, kStages = 3, kThreads = 128;
  static constexpr int kRowBytes = kDepth * 2, kStageBytes = (kRows + kColumns) * kRowBytes;
  static constexpr int kSharedBytes = kStages * kStageBytes;
  static_assert(kSharedBytes == 98304);

  // The warp's rows begin at 64 * (warp % 2); its columns are [32 * (warp / 2), +32) of each half: fragments 0..3 of
  // the first half, 4..7 of the second.
  float sums[4][8][4];

  // Element e of sums[i][j] lies in row(i, e) and, within half j / 4, in column(j, e).
  SRM_DEVICE static int row(int i, int e) { return warp_index() % 2 * 64 + i * 16 + lane() / 4 + e / 2 * 8; }
  SRM_DEVICE static int column(int j, int e) { return warp_index() / 2 * 32 + j % 4 * 8 + lane() % 4 * 2 + e % 2; }

  // x: the tile's first row of rows_left; strides in elements, multiples of 8; a row's elements from `inputs` to the
  // next multiple of 8 are zeros, as every operand's; shared: kSharedBytes.
  SRM_DEVICE void compute(const bf16* x, int x_stride, int rows_left, TileHalf low, TileHalf high, int w_stride,
                          int inputs, SharedAddress shared) {
    const int steps = (inputs + kDepth - 1) / kDepth;
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
      for (int j = 0; j < 8; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) sums[i][j][e] = 0.0f;

    auto load = [&](int step) {
      if (step < steps) {
        SharedAddress stage = shared + step % kStages * kStageBytes;
        int k = step * kDepth;
        load_rows<kRows>(stage, x, x_stride, rows_left, k, inputs);
        load_rows<64>(stage + kRows * kRowBytes, low.first, w_stride, low.rows, k, inputs);
        load_rows<64>(stage + (kRows + 64) * kRowBytes, high.first, w_stride, high.rows, k, inputs);
      }
      cp_async_commit();  // also when there is nothing left, so that the count of groups says which has arrived
    };
#pragma unroll
    for (int step = 0; step < kStages - 1; step++) load(step);
    for (int step = 0; step < steps; step++) {
      cp_async_wait<kStages - 2>();
      sync_block();  // the stage is there for all, and all have left the one that is filled next
      load(step + kStages - 1);
      multiply(shared + step % kStages * kStageBytes);
    }
    cp_async_wait<0>();
  }

 private:
  // Eight threads copy the eight chunks of a row, 16 rows at a time. Addresses come again from a row's index in every
  // step, in two instructions each: kept for all rows of a stage they would be 32 registers.
  template <int kCount>
  SRM_DEVICE static void load_rows(SharedAddress to, const bf16* first, int stride, int rows, int k, int inputs) {
    const int chunk = static_cast<int>(threadIdx.x) % 8, row = static_cast<int>(threadIdx.x) / 8;
    const int column = k + chunk * 8, left = column < inputs ? rows - row : 0;
    const char* from = reinterpret_cast<const char*>(first + (column < inputs ? column : 0));
    const u32 row_bytes = static_cast<u32>(stride) * 2;
    to += row * kRowBytes + (chunk ^ row % 8) * 16;  // row % 8 stays the same 16 rows further on
#pragma unroll
    for (int i = 0; i < kCount; i += 16) {
      const bool there = i < left;
      cp_async_16(to + i * kRowBytes, from + u64{static_cast<u32>(there ? row + i : 0)} * row_bytes, there ? 16 : 0);
    }
  }

  SRM_DEVICE void multiply(SharedAddress stage) {
    const int l = lane(), swizzle = l % 8;
    // a: matrices are (rows 0-7, k 0-7), (8-15, 0-7), (0-7, 8-15), (8-15, 8-15); b: two fragments of 8 columns, each
    // (k 0-7), (k 8-15). Every row's index is l % 8 modulo 8.
    const SharedAddress a_row = stage + (warp_index() % 2 * 64 + l % 16) * kRowBytes;
    const SharedAddress b_row = stage + (kRows + warp_index() / 2 * 32 + l % 8 + l / 16 * 8) * kRowBytes;
    const int a_chunk = l / 16, b_chunk = l / 8 % 2;
#pragma unroll
    for (int k = 0; k < kDepth / 16; k++) {
      u32 a[4][4], b[8][2];
#pragma unroll
      for (int i = 0; i < 4; i++) ldmatrix_x4(a[i], a_row + i * 16 * kRowBytes + ((k * 2 + a_chunk) ^ swizzle) * 16);
#pragma unroll
      for (int j = 0; j < 8; j += 2) {
        u32 both[4];
        ldmatrix_x4(both, b_row + (j / 4 * 64 + j % 4 * 8) * kRowBytes + ((k * 2 + b_chunk) ^ swizzle) * 16);
        b[j][0] = both[0];
        b[j][1] = both[1];
        b[j + 1][0] = both[2];
        b[j + 1][1] = both[3];
      }
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) mma_m16n8k16(sums[i][j], a[i], b[j]);
    }
  }
};

}  // namespace srm
