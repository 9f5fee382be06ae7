// The C ABI of a kernel of your own for MatMul on the processor: build a shared library with these three functions and
// give it to `sparserm kernels check`, `sparserm bench ops --kernel` or `sparserm bench ab`. No part of SparseRM is
// linked; examples/own_matmul.c is a whole one.
#ifndef SRM_KERNEL_H
#define SRM_KERNEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SRM_KERNEL_ABI 1

// Types of products.
enum { SRM_KERNEL_F32 = 0, SRM_KERNEL_BF16 = 1, SRM_KERNEL_I8 = 7 };

// Some rows times one panel of 64 outputs: y[r][j] = sum over k of x[r][k] w[k][j] + bias[j], for r < rows and j <
// outputs. The sum runs over all inputs, in an order that depends on nothing but the number of inputs: a row's bits
// must not depend on what other rows come with it.
//
// x lies in blocks of 6 rows, w in a panel of 64 outputs (native/gemm.md draws both); what fills them up is zero:
//   F32   x [rows/6][inputs][6] f32;        w [inputs][64] f32 where weights is F32, else [inputs/2][64][2] bf16
//   BF16  x [rows/6][inputs/2][6][2] bf16;  w [inputs/2][64][2] bf16; products are summed in f32
//   I8    x [rows/6][inputs/4][6][4], unsigned bytes that hold 128 more than they mean (also what fills them up);
//         w [inputs/4][64][4], signed bytes; the exact sum, as f32, times (row_scales[r] * scales[j]); offsets[j] is
//         128 times the sum of output j's bytes
// A last block of fewer rows is narrower in the same way.
typedef struct srm_kernel_task {
  int64_t rows, inputs, outputs;  // outputs <= 64
  int32_t type, weights;          // SRM_KERNEL_*: of the products, and of w
  const void* x;
  const void* w;
  const float* row_scales;  // I8: [rows]
  const float* scales;      // I8: [outputs]
  const int32_t* offsets;   // I8: [outputs]
  const float* bias;        // [outputs], or null
  float* y;                 // rows of y_stride floats; only y[r][0..outputs) may be written
  int64_t y_stride;
} srm_kernel_task;

// Returns SRM_KERNEL_ABI.
int32_t srm_kernel_abi(void);
// Whether it computes products of a type.
int32_t srm_kernel_takes(int32_t type);
// Computes a task; called by several threads at once. Must not fail, and must write all of y.
void srm_kernel_multiply(const srm_kernel_task* task);

#ifdef __cplusplus
}
#endif
#endif
