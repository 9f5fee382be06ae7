// A kernel of one's own, in plain C, for products of f32:
//   cc -O3 -shared -fPIC -Inative/include -o own_matmul.so native/examples/own_matmul.c
//   sparserm kernels check ./own_matmul.so
//   sparserm bench ab ./own_matmul.so avx512 --shape miniworld_mlp_up_25tok --dtype f32
#include <string.h>

#include "srm_kernel.h"

enum { BLOCK = 6, PANEL = 64 };

static float from_bf16(uint16_t half) {
  uint32_t bits = (uint32_t)half << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

// Input k of output j of the panel.
static float weight(const srm_kernel_task* t, int64_t k, int64_t j) {
  if (t->weights == SRM_KERNEL_F32) return ((const float*)t->w)[k * PANEL + j];
  return from_bf16(((const uint16_t*)t->w)[(k / 2 * PANEL + j) * 2 + k % 2]);
}

int32_t srm_kernel_abi(void) { return SRM_KERNEL_ABI; }

int32_t srm_kernel_takes(int32_t type) { return type == SRM_KERNEL_F32; }

void srm_kernel_multiply(const srm_kernel_task* t) {
  for (int64_t first = 0; first < t->rows; first += BLOCK) {
    int64_t rows = t->rows - first < BLOCK ? t->rows - first : BLOCK;
    const float* x = (const float*)t->x + first * t->inputs;
    float sums[BLOCK][PANEL];
    memset(sums, 0, sizeof sums);
    for (int64_t k = 0; k < t->inputs; k++) {
      float w[PANEL];
      for (int64_t j = 0; j < t->outputs; j++) w[j] = weight(t, k, j);
      for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < t->outputs; j++) sums[r][j] += x[k * rows + r] * w[j];
    }
    for (int64_t r = 0; r < rows; r++)
      for (int64_t j = 0; j < t->outputs; j++)
        t->y[(first + r) * t->y_stride + j] = sums[r][j] + (t->bias ? t->bias[j] : 0);
  }
}
