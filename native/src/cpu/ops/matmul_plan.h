#pragma once

#include <algorithm>

#include "backend.h"
#include "cpu/ops/matmul_kernel.h"
#include "cpu/own_kernel.h"

namespace srm {

/// How the panels of a product (or of several that read one operand) are shared out. A task sweeps one panel of
/// weights, which stays in the second cache, over a run of the operand's blocks. Long runs save loading panels; the
/// last panels are cut into short ones, so that no thread waits long for another.
class MatMulPlan {
 public:
  /// variant: index in the table of MatMul. panels: of all products together.
  MatMulPlan(srmk_backend& backend, int variant, Operand x, int64_t panels, int64_t flops)
      : backend_(backend), x_(x), panels_(panels), threads_(flops < kSmall ? 1 : backend.pool.threads()) {
    const MatMulKernel& kernel = matmul_kernel(variant);
    const int64_t blocks = x_.blocks();
    if (x_.widened && takes_pairs(kernel)) narrow();
    if (&kernel == own_kernel()) {
      multiply_ = x.compute == SRMK_I8 ? kernel.integers : x.compute == SRMK_BF16 ? kernel.dot : kernel.multiply;
      if (multiply_ == nullptr) throw Error(SRMK_UNSUPPORTED, "the kernel takes no products of this type");
    } else if (x.compute == SRMK_I8 && kernel.integer_tiles != nullptr && x.rows >= kManyRows) {
      multiply_ = kernel.integer_tiles;
      lay_out_rows();
    } else if (x.compute == SRMK_I8) {
      multiply_ = kernel.integers;
    } else if (x.compute == SRMK_BF16 && kernel.tiles != nullptr) {
      multiply_ = kernel.tiles;
      lay_out_rows();
    } else if (x.compute == SRMK_BF16 && kernel.dot != nullptr) {
      multiply_ = kernel.dot;
    } else {
      multiply_ = kernel.multiply;
      if (x_.in_pairs()) widen();
      x_.compute = SRMK_F32;
    }
    x_.next_panel = threads_;
    run_ = short_run_ = std::min(blocks, kLongRun);
    cut_panels_ = 0;
    if (threads_ == 1) return;
    // Few rows: the panels left over when each thread had its share, into as many runs as there are threads for them.
    const int64_t left = panels % threads_;
    if (blocks >= kFewBlocks)
      cut(std::min(panels, 4 * threads_), kCuts);
    else if (left > 0)
      cut(left, count(threads_, left));
  }

  const Operand& operand() const { return x_; }
  int64_t longest_run() const { return run_; }

  /// Blocks [first, end) times a panel; see MultiplyFn.
  void multiply(int64_t first, int64_t end, const srmk_matrix& w, int64_t panel, const float* bias, float* c,
                int64_t c_stride) const {
    multiply_(x_, first, end, w, panel, bias, c, c_stride);
  }

  /// Calls body(panel, first_block, end_block, worker) until every panel was over every block.
  template <class Body>
  void run(const Body& body) const {
    const int64_t blocks = x_.blocks(), whole = panels_ - cut_panels_;
    const int64_t runs = count(blocks, run_), short_runs = count(blocks, short_run_);
    share(whole * runs + cut_panels_ * short_runs, [&](int64_t task, int worker) {
      const bool cut = task >= whole * runs;
      const int64_t of = cut ? short_runs : runs, length = cut ? short_run_ : run_;
      const int64_t at = cut ? task - whole * runs : task, first = at % of * length;
      body((cut ? whole : 0) + at / of, first, std::min(blocks, first + length), worker);
    });
  }

 private:
  // Not worth waking anyone: one row against up to 65,536 weights, 128 KB of bf16, comes from the third cache in 2 us.
  // Of four times as many a thread that is at hand saves a third, since two read that cache twice as fast.
  static constexpr int64_t kSmall = 128 * 1024;
  static constexpr int64_t kManyRows = 16;   // fewer leave tiles of int8 half empty
  static constexpr int64_t kLongRun = 86;    // 516 rows
  static constexpr int64_t kFewBlocks = 12;  // each task reads its panel from memory: few rows are hardly cut
  static constexpr int64_t kCuts = 8;

  /// Cuts the last panels into short runs.
  void cut(int64_t panels, int64_t cuts) {
    short_run_ = count(run_, cuts);
    if (short_run_ < run_) cut_panels_ = panels;
  }

  static int64_t count(int64_t blocks, int64_t run) { return run == 0 ? 0 : (blocks + run - 1) / run; }

  template <class Body>
  void share(int64_t tasks, const Body& body) const {
    if (threads_ > 1) return backend_.pool.run(tasks, body);
    for (int64_t task = 0; task < tasks; task++) body(task, 0);
  }

  /// Pairs of bf16 to f32, where the operand was made for another variant; narrow is the way back.
  void widen();
  void narrow();
  /// Rows of bf16 or int8 one after the other, filled up with zeros to a multiple of 64 bytes and with 16 rows, at
  /// whose start the scales of int8 lie.
  void lay_out_rows();

  srmk_backend& backend_;
  Operand x_;
  int64_t panels_, threads_, run_, short_run_, cut_panels_;
  MultiplyFn multiply_;
};

}  // namespace srm
