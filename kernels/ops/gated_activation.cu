// y = act(gate) * up, rounded to the operand's type; the padding of its rows becomes zero. One block a row.
#include "srm_cuda/math.cuh"

using namespace srm;

template <typename T>
SRM_DEVICE void gated_activation(const float* gate, int gate_stride, const float* up, int up_stride, int kind, T* y,
                                 int y_stride, int columns) {
  i64 row = blockIdx.x;
  gate += row * gate_stride, up += row * up_stride, y += row * y_stride;
  for (int i = static_cast<int>(threadIdx.x); i < y_stride; i += static_cast<int>(blockDim.x))
    y[i] = rounded<T>(i < columns ? activated(kind, gate[i]) * up[i] : 0.0f);
}

extern "C" __global__ void __launch_bounds__(256)
    gated_activation_row_per_block_f32(const float* gate, int gate_stride, const float* up, int up_stride, int kind,
                                       float* y, int y_stride, int columns) {
  gated_activation(gate, gate_stride, up, up_stride, kind, y, y_stride, columns);
}
SRM_KERNEL(gated_activation_row_per_block_f32)

extern "C" __global__ void __launch_bounds__(256)
    gated_activation_row_per_block_bf16(const float* gate, int gate_stride, const float* up, int up_stride, int kind,
                                        bf16* y, int y_stride, int columns) {
  gated_activation(gate, gate_stride, up, up_stride, kind, y, y_stride, columns);
}
SRM_KERNEL(gated_activation_row_per_block_bf16)
