#pragma once

#include <algorithm>
#include <cstdint>

#include "error.h"
#include "srm_kernels.h"

namespace srm {

/// The left operand of products, in blocks of 6 rows, the rows that a tile of MatMul holds in registers:
/// bf16 [rows/6][columns/2][6][2], an odd last column filled up with zero; f32 [rows/6][columns][6], and so bf16 that
/// is widened: its rounded elements as f32, for products that no instruction makes of pairs.
///
/// i8 [rows/6][columns/4][6][4], unsigned bytes: 128 more than the integer that is meant, columns filled up with 128;
/// after all rows the scale of each (f32), which is NaN where the row is not finite.
/// A last block of fewer rows is narrower in the same way.
struct Operand {
  static constexpr int64_t kBlockRows = 6;

  uint32_t* data;  // four bytes, a pair of bf16 or one f32 each
  int64_t rows, columns;
  int32_t compute;
  bool widened = false;
  int64_t next_panel = 0;  // of W, counted from the one that a thread sweeps: what it sweeps next; 0 where unknown

  /// Elements of data that a row takes.
  int64_t width() const { return compute == SRMK_I8 ? (columns + 3) / 4 : in_pairs() ? (columns + 1) / 2 : columns; }
  bool in_pairs() const { return compute == SRMK_BF16 && !widened; }
  int64_t blocks() const { return (rows + kBlockRows - 1) / kBlockRows; }
  int64_t first_row(int64_t block) const { return block * kBlockRows; }
  int rows_of(int64_t block) const { return static_cast<int>(std::min(kBlockRows, rows - block * kBlockRows)); }
  uint32_t* block(int64_t block) const { return data + block * kBlockRows * width(); }
  float* scales() const { return reinterpret_cast<float*>(data + rows * width()); }
};

/// Refuses an operand that reaches outside its buffer.
Operand resolve(const srmk_operand* operand);

/// The same for an op that makes it; products in bf16 will find it widened.
Operand resolve_output(const srmk_operand* operand, bool widened);

}  // namespace srm
