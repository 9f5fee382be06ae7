// y[i] = table[ids[i]] * scale, rounded once. table: dense rows of d_model elements as the file has them. One block a
// row.
#include "srm_cuda/math.cuh"

using namespace srm;

template <typename T>
SRM_DEVICE void embed(const T* table, int d_model, const int* ids, float scale, float* y, int y_stride) {
  table += static_cast<i64>(ids[blockIdx.x]) * d_model;
  y += static_cast<i64>(blockIdx.x) * y_stride;
  for (int i = static_cast<int>(threadIdx.x); i < d_model; i += static_cast<int>(blockDim.x))
    y[i] = to_float(table[i]) * scale;
}

extern "C" __global__ void __launch_bounds__(256)
    embed_row_per_block_f32(const float* table, int d_model, const int* ids, float scale, float* y, int y_stride) {
  embed(table, d_model, ids, scale, y, y_stride);
}
SRM_KERNEL(embed_row_per_block_f32)

extern "C" __global__ void __launch_bounds__(256)
    embed_row_per_block_bf16(const bf16* table, int d_model, const int* ids, float scale, float* y, int y_stride) {
  embed(table, d_model, ids, scale, y, y_stride);
}
SRM_KERNEL(embed_row_per_block_bf16)

extern "C" __global__ void __launch_bounds__(256)
    embed_row_per_block_f16(const f16* table, int d_model, const int* ids, float scale, float* y, int y_stride) {
  embed(table, d_model, ids, scale, y, y_stride);
}
SRM_KERNEL(embed_row_per_block_f16)
