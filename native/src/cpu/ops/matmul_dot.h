#pragma once

#include "backend.h"
#include "matrix.h"

#if defined(__x86_64__)
// The bf16 dot product of AVX512-BF16: two products a lane and instruction, summed in f32.
namespace srm::avx512_bf16 {

/// As pack_rows of the other variants, but pairs of bf16: [inputs/2][rows][2].
void pack_rows(Rows x, int64_t row, int rows, bool round, void* packed);
void multiply_rows(const void* packed, int rows, const srmk_matrix& w, int64_t panel, const float* bias, float* c,
                   int64_t c_stride);

}  // namespace srm::avx512_bf16
#endif
