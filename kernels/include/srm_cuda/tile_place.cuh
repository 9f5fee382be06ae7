// Which tile of a product a block computes, and how its sums leave.
#pragma once
#include "srm_cuda/math.cuh"

namespace srm {

// Two neighbouring sums of a row of f32: as 8 bytes where `aligned`, the second only where `both`.
SRM_DEVICE void store_pair(float* to, float low, float high, bool both, bool aligned) {
  struct alignas(8) Pair {
    float low, high;
  };
  if (both && aligned) {
    *reinterpret_cast<Pair*>(to) = {low, high};
    return;
  }
  to[0] = low;
  if (both) to[1] = high;
}

// Blocks that run at the same time should share rows and columns: tiles go down groups of eight tiles of rows first.
struct TilePlace {
  int row, column;
};
SRM_DEVICE TilePlace tile_place(int row_tiles, int column_tiles, int index) {
  constexpr int kGroup = 8;
  const int group = index / (kGroup * column_tiles), rest = index % (kGroup * column_tiles);
  const int height = min_(kGroup, row_tiles - group * kGroup);
  return {group * kGroup + rest % height, rest / height};
}

}  // namespace srm
