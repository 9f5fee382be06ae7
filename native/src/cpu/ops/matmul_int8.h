#pragma once

#include "matrix.h"
#include "operand.h"

// Products of int8, summed exactly in i32: y = f32(sum) * (scale of the row * scale of the output) + bias. All give the
// same bits. See MultiplyFn.
namespace srm {

#define SRM_MULTIPLY_INT8(isa)                                                                                      \
  namespace isa {                                                                                                   \
  void multiply_int8(const Operand& x, int64_t first_block, int64_t end_block, const srmk_matrix& w, int64_t panel, \
                     const float* bias, float* c, int64_t c_stride);                                                \
  }

SRM_MULTIPLY_INT8(scalar)
#if defined(__x86_64__)
SRM_MULTIPLY_INT8(avx2)
SRM_MULTIPLY_INT8(avx512)
SRM_MULTIPLY_INT8(avx_vnni)
SRM_MULTIPLY_INT8(avx512_vnni)
#endif
#undef SRM_MULTIPLY_INT8

}  // namespace srm
