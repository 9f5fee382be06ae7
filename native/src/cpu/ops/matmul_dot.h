#pragma once

#include "matrix.h"
#include "operand.h"

#if defined(__x86_64__)
// The bf16 dot product of AVX512-BF16: two products a lane and instruction, summed in f32.
namespace srm::avx512_bf16 {

/// See MultiplyFn; x in bf16.
void multiply(const Operand& x, int64_t first_block, int64_t end_block, const srmk_matrix& w, int64_t panel,
              const float* bias, float* c, int64_t c_stride);

}  // namespace srm::avx512_bf16
#endif
