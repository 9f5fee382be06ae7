// A kernel of one's own for products on a GPU: a thread an output, a block 16 rows by 16 outputs.
//   sh kernels/compile.sh sm_80 . kernels/examples/own_matmul.cu
//   cp kernels/examples/own_matmul.sm_80.json .
//   sparserm kernels check ./own_matmul.sm_80.ptx
//   sparserm bench ops --kernel ./own_matmul.sm_80.ptx --shape miniworld_mlp_up_25tok
// Any compiler that writes PTX will do, and nothing of srm_cuda is needed: it lets the emulated driver run this one,
// too. What the manifest says, and what the parameters are: "A kernel of your own" in kernels/README.md.
#include "srm_cuda/math.cuh"
#include "srm_cuda/warp.cuh"

using namespace srm;

constexpr int kSide = 16;

template <typename TX, typename TW>
SRM_DEVICE void multiply(const TX* x, int x_stride, const TW* w, int w_stride, const float* bias, float* y,
                         int y_stride, int rows, int inputs, int outputs) {
  __shared__ float xs[kSide][kSide + 1], ws[kSide][kSide + 1];
  const int down = static_cast<int>(threadIdx.x) / kSide, across = static_cast<int>(threadIdx.x) % kSide;
  const int row = static_cast<int>(blockIdx.y) * kSide + down, output = static_cast<int>(blockIdx.x) * kSide + across;
  const int loaded = static_cast<int>(blockIdx.x) * kSide + down;  // of w: neighbours read neighbouring inputs
  float sum = 0;
  for (int k = 0; k < inputs; k += kSide) {
    const bool inside = k + across < inputs;
    sync_block();
    xs[down][across] = inside && row < rows ? to_float(x[static_cast<i64>(row) * x_stride + k + across]) : 0.0f;
    ws[down][across] =
        inside && loaded < outputs ? to_float(w[static_cast<i64>(loaded) * w_stride + k + across]) : 0.0f;
    sync_block();
#pragma unroll
    for (int i = 0; i < kSide; i++) sum = fma_(xs[down][i], ws[across][i], sum);
  }
  if (row >= rows || output >= outputs) return;
  y[static_cast<i64>(row) * y_stride + output] = bias == nullptr ? sum : sum + bias[output];
}

#define OWN_MATMUL(suffix, tx, tw)                                                                           \
  extern "C" __global__ void __launch_bounds__(kSide* kSide)                                                 \
      own_matmul_##suffix(const tx* x, int x_stride, const tw* w, int w_stride, const float* bias, float* y, \
                          int y_stride, int rows, int inputs, int outputs) {                                 \
    multiply(x, x_stride, w, w_stride, bias, y, y_stride, rows, inputs, outputs);                            \
  }                                                                                                          \
  SRM_KERNEL(own_matmul_##suffix)

OWN_MATMUL(bf16, bf16, bf16)
OWN_MATMUL(f32, float, float)
OWN_MATMUL(f32_bf16, float, bf16)
