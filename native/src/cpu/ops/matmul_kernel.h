#pragma once

#include "matrix.h"
#include "operand.h"

namespace srm {

/// The rows of blocks [first_block, end_block) of x times a panel of w: c[r * c_stride + j] for row r of those blocks
/// and output j of the panel; bias (of the whole matrix) may be null. Every sum runs over all inputs in rising order,
/// so its bits depend on its row of x and its output alone.
using MultiplyFn = void (*)(const Operand& x, int64_t first_block, int64_t end_block, const srmk_matrix& w,
                            int64_t panel, const float* bias, float* c, int64_t c_stride);

/// A variant of MatMul. multiply takes operands in f32. dot, which may be null, takes them in pairs of bf16; without it
/// they are widened. tiles, which may be null, takes them in bf16 row after row (see MatMulPlan) and goes before dot.
/// integers takes operands and weights in int8; integer_tiles, which may be null, takes many rows of them, one after
/// the other.
struct MatMulKernel {
  MultiplyFn multiply, dot, tiles, integers, integer_tiles = nullptr;
};

/// Whether a variant multiplies bf16 in pairs.
inline bool takes_pairs(const MatMulKernel& kernel) { return kernel.dot != nullptr || kernel.tiles != nullptr; }

/// A variant by its index; GatedMatMul and SaeEncode have the same. Behind the table's last: the user's own.
const MatMulKernel& matmul_kernel(int variant);

/// How many inputs are multiplied at a time where a panel has kPanel outputs of storage bytes each: what is left of a
/// panel then stays in the second cache while it sweeps over the rows. It changes no bit: sums go on from where they
/// were. Always even.
inline int64_t inputs_at_a_time(int64_t inputs, int64_t bytes_per_input) {
  constexpr int64_t kBytes = 640 * 1024;
  const int64_t most = kBytes / bytes_per_input, parts = (inputs + most - 1) / most;
  return parts <= 1 ? inputs : ((inputs + parts - 1) / parts + 1) / 2 * 2;
}

}  // namespace srm
