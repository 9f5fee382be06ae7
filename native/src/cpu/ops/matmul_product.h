#pragma once

#include <algorithm>

#include "backend.h"
#include "matrix.h"

namespace srm {

using PackFn = void (*)(Rows x, int64_t row, int rows, bool round, void* packed);
using MultiplyFn = void (*)(const void* packed, int rows, const srmk_matrix& w, int64_t panel, const float* bias,
                            float* c, int64_t c_stride);

/// A product x · wᵀ that is about to be computed: x is packed once, in blocks of 6 rows; then each task sweeps one
/// panel of weights, which stays in the second cache, over a run of blocks.
class Product {
 public:
  /// variant: index in the table of MatMul.
  Product(srmk_backend& backend, int variant, Rows x, const srmk_matrix& w);

  static constexpr int64_t kBlockRows = 6;

  int64_t panels() const { return w_.panels(); }
  int64_t blocks() const { return blocks_; }
  int64_t tasks() const { return panels() * chunks_; }
  int64_t first_row(int64_t block) const { return block * kBlockRows; }
  int rows_of(int64_t block) const { return static_cast<int>(std::min(kBlockRows, rows_ - block * kBlockRows)); }

  /// The rows of a block times a panel: c[r * c_stride + j] for the panel's outputs j; bias (of the whole matrix) may
  /// be null.
  void multiply(int64_t block, int64_t panel, const float* bias, float* c, int64_t c_stride) const {
    multiply_(packed_ + block * block_bytes_, rows_of(block), w_, panel, bias, c, c_stride);
  }

  /// Calls body(panel, first_block, end_block, worker) for every task, on one thread where the product is small.
  template <class Body>
  void run(const Body& body) const {
    share(tasks(), [&](int64_t task, int worker) {
      int64_t first = task % chunks_ * chunk_;
      body(task / chunks_, first, std::min(blocks_, first + chunk_), worker);
    });
  }

 private:
  template <class Body>
  void share(int64_t tasks, const Body& body) const {
    if (rows_ * w_.inputs * w_.outputs >= 64 * 1024) return backend_.pool.run(tasks, body);
    for (int64_t task = 0; task < tasks; task++) body(task, 0);
  }

  srmk_backend& backend_;
  const srmk_matrix& w_;
  int64_t rows_, blocks_, block_bytes_, chunks_, chunk_;
  char* packed_;
  MultiplyFn multiply_;
};

}  // namespace srm
