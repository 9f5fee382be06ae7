// Where the rows of fragments lie in shared memory, in few registers.
#pragma once
#include "srm_cuda/tensor_core.cuh"

namespace srm {

// The row of a fragment that a lane gives ldmatrix the address of, from chunk `chunk` on, in a part whose rows hold
// their chunks of 16 bytes at chunk ^ (row % 8). Rows a multiple of eight further on and chunks two, four, .. further
// on lie at one of four addresses plus a number that is known when compiling, since (c + 8 n) ^ (row % 8) is c ^ (row %
// 8) + 8 n: an address for each fragment would be up to 32 registers.
template <int kRowBytes>
struct LaneRow {
  SharedAddress chunks[4];

  SRM_DEVICE LaneRow(SharedAddress part, int row, int chunk) {
#pragma unroll
    for (int i = 0; i < 4; i++) chunks[i] = part + row * kRowBytes + ((chunk + i * 2) ^ row % 8) * 16;
  }

  SRM_DEVICE SharedAddress at(int rows_on, int pairs_on) const {
    return chunks[pairs_on % 4] + rows_on * kRowBytes + pairs_on / 4 * 128;
  }
};

}  // namespace srm
