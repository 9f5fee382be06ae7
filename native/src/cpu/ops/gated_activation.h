#pragma once

#include "cpu/features.h"
#include "operand.h"

namespace srm {

/// act(gate[0..n)) * up[0..n): row as elements [column, column + n) of a row of y, values as floats. What becomes int8
/// is made as floats: a row's scale is known when all of it is there.
struct GateKernel {
  void (*row)(const float* gate, const float* up, int64_t n, int kind, Operand y, int64_t row, int64_t column);
  void (*values)(const float* gate, const float* up, int64_t n, int kind, float* y);
};

/// The widest that runs where a variant of MatMul does, by what that needs.
const GateKernel& gate_kernel(Cpu needs);

}  // namespace srm
