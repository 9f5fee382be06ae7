#pragma once

#include <algorithm>
#include <cstdint>

#include "error.h"
#include "srm_kernels.h"

namespace srm {

/// The left operand of products, in blocks of 6 rows, the rows that a tile of MatMul holds in registers:
/// bf16 [rows/6][columns/2][6][2], an odd last column filled up with zero; f32 [rows/6][columns][6].
/// A last block of fewer rows is narrower in the same way.
struct Operand {
  static constexpr int64_t kBlockRows = 6;

  uint32_t* data;  // a pair of bf16 or one f32 each
  int64_t rows, columns;
  int32_t compute;

  /// Elements of data that a row takes.
  int64_t width() const { return compute == SRMK_BF16 ? (columns + 1) / 2 : columns; }
  int64_t blocks() const { return (rows + kBlockRows - 1) / kBlockRows; }
  int64_t first_row(int64_t block) const { return block * kBlockRows; }
  int rows_of(int64_t block) const { return static_cast<int>(std::min(kBlockRows, rows - block * kBlockRows)); }
  uint32_t* block(int64_t block) const { return data + block * kBlockRows * width(); }
};

/// Refuses an operand that reaches outside its buffer.
Operand resolve(const srmk_operand* operand);

}  // namespace srm
