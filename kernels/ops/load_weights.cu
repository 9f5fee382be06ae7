// Brings a piece of a weight file into the layout that the products read, and looks at every element on the way.
// piece: dense file rows first_row .. first_row + gridDim.x of row_length elements. Not transposed: w[row, column];
// transposed: w[column, row]. first_bad: the least index (in the file's order) of an element that is no finite number.
// One block a row.
#include "srm_cuda/warp.cuh"

using namespace srm;

template <typename S, typename D>
SRM_DEVICE void load_weights(const S* piece, int row_length, int first_row, int is_transposed, D* w, int w_stride,
                             u64* first_bad) {
  i64 row = first_row + static_cast<i64>(blockIdx.x);
  piece += static_cast<i64>(blockIdx.x) * row_length;
  for (int i = static_cast<int>(threadIdx.x); i < row_length; i += static_cast<int>(blockDim.x)) {
    float value = to_float(piece[i]);
    if ((bits_of(value) & 0x7f800000u) == 0x7f800000u)
      lower_atomically(first_bad, static_cast<u64>(row * row_length + i));
    w[is_transposed ? static_cast<i64>(i) * w_stride + row : row * w_stride + i] = rounded<D>(value);
  }
}

#define LOAD_WEIGHTS(from, to, s, d)                                                                          \
  extern "C" __global__ void __launch_bounds__(256) load_weights_row_per_block_##from##_to_##to(              \
      const s* piece, int row_length, int first_row, int is_transposed, d* w, int w_stride, u64* first_bad) { \
    load_weights(piece, row_length, first_row, is_transposed, w, w_stride, first_bad);                        \
  }                                                                                                           \
  SRM_KERNEL(load_weights_row_per_block_##from##_to_##to)

LOAD_WEIGHTS(f32, f32, float, float)
LOAD_WEIGHTS(bf16, f32, bf16, float)
LOAD_WEIGHTS(f16, f32, f16, float)
LOAD_WEIGHTS(f32, bf16, float, bf16)
LOAD_WEIGHTS(bf16, bf16, bf16, bf16)
LOAD_WEIGHTS(f16, bf16, f16, bf16)
