#pragma once

#include <algorithm>
#include <cstring>
#include <limits>

#include "backend.h"
#include "cpu/ops/sae_gate.h"
#include "matrix.h"
#include "operand.h"

// What takes the tiles of SaeEncode's product: take() is called by the workers for each block of rows in each panel, in
// any order; then finish() fills the result. Whoever took which tile, the outcome is the same.
namespace srm {

/// What the sinks share: the encode at hand.
struct SaeTask {
  srmk_backend& backend;
  const SaeGate& gate;
  const SaeGateKernel& kernel;
  Operand x;
  int64_t latents, panels;

  int workers() const { return backend.pool.threads(); }
};

/// Above zero, and the least that is.
constexpr float kLeastActive = std::numeric_limits<float>::denorm_min();

/// relu, jumprelu, gated: each latent by itself. Every worker keeps a list; parts say what of it belongs where.
class SaeListSink {
 public:
  explicit SaeListSink(const SaeTask& task)
      : task_(task), scratch_(task.backend.sae_scratch), lengths_(task.workers()) {
    scratch_.parts.resize(task.x.blocks() * task.panels);
  }

  void take(int64_t block, int64_t panel, int rows, float* tile, int columns, int worker) {
    SaeFinds& finds = scratch_.finds[worker];
    int64_t& length = lengths_[worker].value;
    const size_t needed = length + Operand::kBlockRows * kPanel + SaeGateKernel::kSlack;
    if (finds.latents.size() < needed) finds.grow(2 * needed);
    SaePart part{length, static_cast<uint16_t>(worker), {}};
    for (int r = 0; r < rows; r++) {
      int count = task_.kernel.active(task_.gate, panel * kPanel, columns, tile + r * kPanel,
                                      finds.latents.data() + length, finds.values.data() + length);
      part.counts[r] = static_cast<uint8_t>(count);
      length += count;
    }
    scratch_.parts[block * task_.panels + panel] = part;
  }

  void finish(SaeResult& result) const {
    for_blocks([&](int64_t block, int64_t first_row, int rows) {
      int64_t counts[Operand::kBlockRows] = {};
      for (int64_t panel = 0; panel < task_.panels; panel++)
        for (int r = 0; r < Operand::kBlockRows; r++)
          counts[r] += scratch_.parts[block * task_.panels + panel].counts[r];
      std::copy_n(counts, rows, result.ends.begin() + first_row);
    });
    result.place();
    for_blocks([&](int64_t block, int64_t first_row, int rows) {
      int64_t to[Operand::kBlockRows];
      for (int r = 0; r < rows; r++) to[r] = result.start(first_row + r);
      for (int64_t panel = 0; panel < task_.panels; panel++) {
        const SaePart& part = scratch_.parts[block * task_.panels + panel];
        int64_t from = part.start;
        for (int r = 0; r < rows; r++) {
          const int count = part.counts[r];
          if (count == 0) continue;
          std::copy_n(scratch_.finds[part.worker].latents.data() + from, count, result.latents.data() + to[r]);
          std::copy_n(scratch_.finds[part.worker].values.data() + from, count, result.values.data() + to[r]);
          from += count;
          to[r] += count;
        }
      }
    });
  }

 private:
  struct alignas(64) Length {  // apart: each is written by its worker at every tile
    int64_t value = 0;
  };

  template <class Body>
  void for_blocks(const Body& body) const {
    for_row_blocks(task_.backend, task_.x.blocks(), 8 * task_.panels, [&](int64_t first, int64_t count, int) {
      for (int64_t block = first; block < first + count; block++)
        body(block, task_.x.first_row(block), task_.x.rows_of(block));
    });
  }

  const SaeTask& task_;
  SaeScratch& scratch_;
  std::vector<Length> lengths_;
};

/// topk: every worker keeps, by row, candidates among which are the best k that it has seen. When there is no room for
/// another panel's they are cut to k, and what does not reach the k-th is not taken from then on. As the cut follows a
/// total order (greater value, then lower latent), the best k of all workers' are the best of all.
class SaeTopKSink {
 public:
  explicit SaeTopKSink(const SaeTask& task)
      : task_(task), k_(task.gate.k), stride_(capacity(k_, task.latents)), scratch_(task.backend.sae_scratch) {
    for (SaeFinds& finds : scratch_.finds) {
      finds.grow(task.x.rows * stride_);
      finds.counts.assign(task.x.rows, 0);
      finds.least.assign(task.x.rows, kLeastActive);
    }
    for (SaeFinds& merged : scratch_.merged) {
      merged.grow(task.workers() * stride_);
      merged.sorted.resize(k_);
    }
  }

  void take(int64_t block, int64_t panel, int rows, const float* tile, int columns, int worker) {
    SaeFinds& finds = scratch_.finds[worker];
    for (int r = 0; r < rows; r++) {
      const int64_t row = task_.x.first_row(block) + r;
      int32_t* latents = finds.latents.data() + row * stride_;
      float* values = finds.values.data() + row * stride_;
      int32_t& count = finds.counts[row];
      if (count + kPanel + SaeGateKernel::kSlack > stride_) {
        SaeCut cut = task_.kernel.cut(latents, values, count, k_, finds.least[row]);
        count = static_cast<int32_t>(task_.kernel.keep(cut, count, latents, values));
        finds.least[row] = cut.value;
      }
      count += task_.kernel.reaching(finds.least[row], panel * kPanel, columns, tile + r * kPanel, latents + count,
                                     values + count);
    }
  }

  void finish(SaeResult& result) const {
    for (int64_t row = 0; row < task_.x.rows; row++) {
      int64_t count = 0;
      for (const SaeFinds& finds : scratch_.finds) count += finds.counts[row];
      result.ends[row] = std::min(count, k_);
    }
    result.place();
    // A bisection reads every candidate some 10 times.
    for_row_blocks(task_.backend, task_.x.rows, 10 * stride_, [&](int64_t first, int64_t count, int worker) {
      for (int64_t row = first; row < first + count; row++) merge(row, scratch_.merged[worker], result);
    });
  }

 private:
  /// Room for the best k, for so many more that cuts are rare, and for a panel. More than all latents never come.
  static int64_t capacity(int64_t k, int64_t latents) {
    return std::min(k + std::clamp<int64_t>(3 * k, 256, 4096), latents) + kPanel + SaeGateKernel::kSlack;
  }

  void merge(int64_t row, SaeFinds& merged, SaeResult& result) const {
    int64_t count = 0;
    for (const SaeFinds& finds : scratch_.finds) {
      std::copy_n(finds.latents.data() + row * stride_, finds.counts[row], merged.latents.data() + count);
      std::copy_n(finds.values.data() + row * stride_, finds.counts[row], merged.values.data() + count);
      count += finds.counts[row];
    }
    if (count > k_) {
      SaeCut cut = task_.kernel.cut(merged.latents.data(), merged.values.data(), count, k_, kLeastActive);
      count = task_.kernel.keep(cut, count, merged.latents.data(), merged.values.data());
    }
    // Latent and value in one number, latent first: latents differ, so their order is that of the numbers.
    for (int64_t i = 0; i < count; i++) {
      uint32_t bits;
      std::memcpy(&bits, &merged.values[i], sizeof(bits));
      merged.sorted[i] = static_cast<uint64_t>(merged.latents[i]) << 32 | bits;
    }
    std::sort(merged.sorted.begin(), merged.sorted.begin() + count);
    const int64_t start = result.start(row);
    for (int64_t i = 0; i < count; i++) {
      auto bits = static_cast<uint32_t>(merged.sorted[i]);
      result.latents[start + i] = static_cast<int32_t>(merged.sorted[i] >> 32);
      std::memcpy(&result.values[start + i], &bits, sizeof(bits));
    }
  }

  const SaeTask& task_;
  int64_t k_, stride_;
  SaeScratch& scratch_;
};

/// groupmax: every worker keeps the best of each row and group.
class SaeGroupMaxSink {
 public:
  explicit SaeGroupMaxSink(const SaeTask& task)
      : task_(task), groups_(task.gate.k), size_(task.latents / groups_), scratch_(task.backend.sae_scratch) {
    for (SaeFinds& finds : scratch_.finds) {
      finds.latents.assign(task.x.rows * groups_, kNone);
      finds.values.assign(task.x.rows * groups_, kLeastActive);
    }
  }

  void take(int64_t block, int64_t panel, int rows, const float* tile, int columns, int worker) {
    for (int r = 0; r < rows; r++) {
      const int64_t at = (task_.x.first_row(block) + r) * groups_;
      task_.kernel.raise(size_, groups_, panel * kPanel, columns, tile + r * kPanel,
                         scratch_.finds[worker].latents.data() + at, scratch_.finds[worker].values.data() + at);
    }
  }

  void finish(SaeResult& result) {
    SaeFinds& best = scratch_.finds[0];
    for_rows([&](int64_t row) {
      int64_t count = 0;
      for (int64_t at = row * groups_; at < (row + 1) * groups_; at++) {
        for (const SaeFinds& finds : scratch_.finds) {
          float value = finds.values[at];
          if (value < best.values[at] || (value == best.values[at] && finds.latents[at] >= best.latents[at])) continue;
          best.latents[at] = finds.latents[at];
          best.values[at] = value;
        }
        count += best.latents[at] != kNone;
      }
      result.ends[row] = count;
    });
    result.place();
    for_rows([&](int64_t row) {
      int64_t to = result.start(row);
      for (int64_t at = row * groups_; at < (row + 1) * groups_; at++) {
        if (best.latents[at] == kNone) continue;
        result.latents[to] = best.latents[at];
        result.values[to++] = best.values[at];
      }
    });
  }

 private:
  /// Higher than any latent, so that at equal values any wins.
  static constexpr int32_t kNone = std::numeric_limits<int32_t>::max();

  template <class Body>
  void for_rows(const Body& body) const {
    for_row_blocks(task_.backend, task_.x.rows, groups_ * task_.workers(), [&](int64_t first, int64_t count, int) {
      for (int64_t row = first; row < first + count; row++) body(row);
    });
  }

  const SaeTask& task_;
  int64_t groups_, size_;
  SaeScratch& scratch_;
};

}  // namespace srm
