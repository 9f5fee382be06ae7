// Tiles of x · wᵀ [128 rows, 256 columns] by persistent blocks of three warpgroups on compute capability 9.0: one
// brings tiles by TMA, two multiply 64 rows each with wgmma.
//
// A stage is k = 64: (128 + 256) * 64 * 2 = 49,152 bytes; four of them, 196,608, fill most of an SM's 227 KiB, so a
// block has the SM to itself and goes through the tiles of blockIdx.x, + gridDim.x, ...: the stages of the next tile
// arrive while sums of the last one are stored. While one consumer waits for its product the other one's keeps the
// tensor cores busy. Registers: 384 threads may have 168 each at launch (64,512 of 65,536); the producer keeps 40, so a
// consumer may have 232 (40 * 128 + 232 * 256 = 64,512), of which 128 are sums. Sums run over k in steps of 16 from 0.
#pragma once
#include "srm_cuda/hopper.cuh"
#include "srm_cuda/tile_place.cuh"

#if SRM_SM90A

namespace srm {

struct WgmmaProduct {
  static constexpr int kRows = 128, kColumns = 256, kDepth = 64, kStages = 4, kThreads = 384;
  static constexpr unsigned kProducer = 256;  // the thread that copies tiles
  static constexpr int kRowBytes = kDepth * 2, kStageBytes = (kRows + kColumns) * kRowBytes;
  // Stages begin at a multiple of 1,024, as the swizzle wants; 64 bytes of barriers follow them.
  static constexpr int kSharedBytes = 1024 + kStages * kStageBytes + kStages * 16;
  static_assert(kSharedBytes == 197696);

  // Element e of sums[j * 4 + ..] lies in row(e), column(j, e) of the tile.
  SRM_DEVICE static int row(int e) {
    return warp_index() % 8 / 4 * 64 + warp_index() % 4 * 16 + lane() / 4 + e / 2 * 8;
  }
  SRM_DEVICE static int column(int j, int e) { return j * 8 + lane() % 4 * 2 + e % 2; }

  // load(place, k, stage, barrier) starts the copies of x to `stage` and of w to `stage + kRows * kRowBytes`, in all
  // kStageBytes; store(place, sums) is called by the consumers' threads.
  template <class Load, class Store>
  SRM_DEVICE static void run(int row_tiles, int column_tiles, int inputs, SharedAddress shared, Load load,
                             Store store) {
    const SharedAddress stages = (shared + 1023) / 1024 * 1024, full = stages + kStages * kStageBytes;
    const SharedAddress empty = full + kStages * 8;
    if (threadIdx.x == 0) {
      for (int i = 0; i < kStages; i++) {
        barrier_init(full + i * 8, 1);
        barrier_init(empty + i * 8, 8);
      }
      barrier_init_fence();
    }
    sync_block();
    const int steps = (inputs + kDepth - 1) / kDepth, tiles = row_tiles * column_tiles;
    int turn = 0;  // steps so far: the stage is turn % kStages, the phase of its barriers turn / kStages
    if (warp_index() >= 8) {
      give_registers<40>();
      if (threadIdx.x != kProducer) return;
      for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
        const TilePlace place = tile_place(row_tiles, column_tiles, tile);
        for (int step = 0; step < steps; step++, turn++) {
          const int stage = turn % kStages;
          barrier_wait(empty + stage * 8, (turn / kStages & 1) ^ 1);
          barrier_arrive_expect(full + stage * 8, kStageBytes);
          load(place, step * kDepth, stages + stage * kStageBytes, full + stage * 8);
        }
      }
      return;
    }
    take_registers<232>();
    const int first_row = warp_index() / 4 * 64;
    for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
      float sums[128] = {};  // the first product writes over them, but undefined, they would make ptxas serialise wgmma
      for (int step = 0; step < steps; step++, turn++) {
        const int stage = turn % kStages;
        const SharedAddress x = stages + stage * kStageBytes + first_row * kRowBytes;
        const SharedAddress w = stages + stage * kStageBytes + kRows * kRowBytes;
        barrier_wait(full + stage * 8, turn / kStages & 1);
        wgmma_m64n256k64(sums, matrix_descriptor(x), matrix_descriptor(w), step == 0);
        if (lane() == 0) barrier_arrive(empty + stage * 8);
      }
      store(tile_place(row_tiles, column_tiles, tile), sums);
    }
  }
};

}  // namespace srm

#endif
