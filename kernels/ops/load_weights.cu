// Brings a piece of a weight file into the layout that the products read, and looks at every element on the way.
// piece: dense file rows first_row .. of row_length elements. first_bad: the least index (in the file's order) of an
// element that is no finite number.
#include "srm_cuda/warp.cuh"

using namespace srm;

namespace {

template <typename S>
SRM_DEVICE float looked_at(S element, i64 index, u64* first_bad) {
  const float value = to_float(element);
  if ((bits_of(value) & 0x7f800000u) == 0x7f800000u) lower_atomically(first_bad, static_cast<u64>(index));
  return value;
}

}  // namespace

// w[row, column]. One block a row.
template <typename S, typename D>
SRM_DEVICE void load_rows(const S* piece, int row_length, int first_row, D* w, int w_stride, u64* first_bad) {
  const i64 row = first_row + static_cast<i64>(blockIdx.x);
  piece += static_cast<i64>(blockIdx.x) * row_length;
  for (int i = static_cast<int>(threadIdx.x); i < row_length; i += static_cast<int>(blockDim.x))
    w[row * w_stride + i] = rounded<D>(looked_at(piece[i], row * row_length + i, first_bad));
}

// w[column, row]. A block turns 32 rows of 32 columns in shared memory, so that both sides are read and written in
// rows; a warp takes four of them. grid = (ceil(rows / 32), ceil(row_length / 32)).
template <typename S, typename D>
SRM_DEVICE void load_transposed(const S* piece, int rows, int row_length, int first_row, D* w, int w_stride,
                                u64* first_bad) {
  __shared__ float turned[kWarp][kWarp + 1];
  const int row_start = static_cast<int>(blockIdx.x) * kWarp, column_start = static_cast<int>(blockIdx.y) * kWarp;
  for (int i = warp_index(); i < kWarp; i += 8) {
    const int row = row_start + i, column = column_start + lane();
    if (row < rows && column < row_length)
      turned[i][lane()] = looked_at(piece[static_cast<i64>(row) * row_length + column],
                                    static_cast<i64>(first_row + row) * row_length + column, first_bad);
  }
  sync_block();
  for (int i = warp_index(); i < kWarp; i += 8) {
    const int row = row_start + lane(), column = column_start + i;
    if (row < rows && column < row_length)
      w[static_cast<i64>(column) * w_stride + first_row + row] = rounded<D>(turned[lane()][i]);
  }
}

#define LOAD_WEIGHTS(from, to, s, d)                                                                 \
  extern "C" __global__ void __launch_bounds__(256) load_weights_row_per_block_##from##_to_##to(     \
      const s* piece, int row_length, int first_row, d* w, int w_stride, u64* first_bad) {           \
    load_rows(piece, row_length, first_row, w, w_stride, first_bad);                                 \
  }                                                                                                  \
  SRM_KERNEL(load_weights_row_per_block_##from##_to_##to)                                            \
  extern "C" __global__ void __launch_bounds__(256) load_weights_transposed_tile_##from##_to_##to(   \
      const s* piece, int rows, int row_length, int first_row, d* w, int w_stride, u64* first_bad) { \
    load_transposed(piece, rows, row_length, first_row, w, w_stride, first_bad);                     \
  }                                                                                                  \
  SRM_KERNEL(load_weights_transposed_tile_##from##_to_##to)

LOAD_WEIGHTS(f32, f32, float, float)
LOAD_WEIGHTS(bf16, f32, bf16, float)
LOAD_WEIGHTS(f16, f32, f16, float)
LOAD_WEIGHTS(f32, bf16, float, bf16)
LOAD_WEIGHTS(bf16, bf16, bf16, bf16)
LOAD_WEIGHTS(f16, bf16, f16, bf16)
