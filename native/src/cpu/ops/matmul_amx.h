#pragma once

#include "matrix.h"
#include "operand.h"

#if defined(__x86_64__)
// The tile registers of AMX: 16 x 32 times 32 x 16 bf16 an instruction, summed in f32, or twice as many bytes, summed
// in i32.
namespace srm::amx_bf16 {

/// See MultiplyFn; x in bf16 row after row (MatMulPlan::lay_out_rows).
void multiply(const Operand& x, int64_t first_block, int64_t end_block, const srmk_matrix& w, int64_t panel,
              const float* bias, float* c, int64_t c_stride);
/// The same in int8; the bits are those of the other variants.
void multiply_int8(const Operand& x, int64_t first_block, int64_t end_block, const srmk_matrix& w, int64_t panel,
                   const float* bias, float* c, int64_t c_stride);

}  // namespace srm::amx_bf16
#endif
