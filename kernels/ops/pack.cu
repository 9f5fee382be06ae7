// y = x rounded to the operand's type; the padding of its rows becomes zero. x: f32 rows. One block a row.
#include "srm_cuda/math.cuh"

using namespace srm;

template <typename T>
SRM_DEVICE void pack(const float* x, int x_stride, T* y, int y_stride, int columns) {
  x += static_cast<i64>(blockIdx.x) * x_stride;
  y += static_cast<i64>(blockIdx.x) * y_stride;
  for (int i = static_cast<int>(threadIdx.x); i < y_stride; i += static_cast<int>(blockDim.x))
    y[i] = rounded<T>(i < columns ? x[i] : 0.0f);
}

extern "C" __global__ void __launch_bounds__(256)
    pack_row_per_block_f32(const float* x, int x_stride, float* y, int y_stride, int columns) {
  pack(x, x_stride, y, y_stride, columns);
}
SRM_KERNEL(pack_row_per_block_f32)

extern "C" __global__ void __launch_bounds__(256)
    pack_row_per_block_bf16(const float* x, int x_stride, bf16* y, int y_stride, int columns) {
  pack(x, x_stride, y, y_stride, columns);
}
SRM_KERNEL(pack_row_per_block_bf16)
