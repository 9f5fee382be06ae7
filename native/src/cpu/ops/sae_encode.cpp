// SaeEncode: the gate runs on each tile of the product while it is in the first cache; pre-activations are never
// stored. Formulas and ties are those of SparseRM.Sae.SaeGate. Whoever computes a tile, the outcome is the same: lists
// are joined in the order of the panels, and the choices of topk and groupmax follow a total order (greater value, then
// lower latent).
#include <algorithm>
#include <atomic>
#include <new>

#include "cpu/ops.h"
#include "cpu/ops/matmul_plan.h"

namespace srm {
namespace {

bool better(const SaeEntry& a, const SaeEntry& b) {
  return a.value > b.value || (a.value == b.value && a.latent < b.latent);
}

/// p = product * scale + bias, in two roundings as the composed default has them.
void affine(const SaeGate& gate, int64_t first, int64_t count, float* tile) {
  if (gate.scale != nullptr)
    for (int64_t j = 0; j < count; j++) tile[j] *= gate.scale[first + j];
  for (int64_t j = 0; j < count; j++) tile[j] += gate.bias[first + j];
}

/// relu, jumprelu, gated: each latent by itself. Every worker keeps a list; where a panel's part of it lies is noted by
/// panel and block.
class ListSink {
 public:
  ListSink(const SaeGate& gate, int64_t rows, int64_t panels, int64_t blocks, int workers)
      : gate_(gate), rows_(rows), panels_(panels), lists_(workers), counts_(rows * panels), parts_(panels * blocks) {}

  void take(int64_t panel, int64_t block, int64_t first_row, int rows, const float* tile, int64_t columns, int worker) {
    auto& list = lists_[worker];
    parts_[block * panels_ + panel] = {worker, list.size()};
    for (int r = 0; r < rows; r++) {
      size_t before = list.size();
      for (int64_t j = 0; j < columns; j++) {
        float value = tile[r * kPanel + j];
        if (keep(panel * kPanel + j, value)) list.push_back({static_cast<int32_t>(panel * kPanel + j), value});
      }
      counts_[(first_row + r) * panels_ + panel] = static_cast<uint8_t>(list.size() - before);
    }
  }

  void finish(SaeResult& result) {
    for (int64_t row = 0; row < rows_; row++) {
      for (int64_t panel = 0; panel < panels_; panel++) {
        auto& part = parts_[row / Operand::kBlockRows * panels_ + panel];
        const SaeEntry* from = lists_[part.worker].data() + part.start;
        int count = counts_[row * panels_ + panel];
        result.append(from, count);
        part.start += count;
      }
      result.end_row();
    }
  }

 private:
  struct Part {
    int worker;
    size_t start;
  };

  bool keep(int64_t latent, float& value) const {
    switch (gate_.kind) {
      case SRMK_SAE_RELU: return value > 0;
      case SRMK_SAE_JUMPRELU: return value > 0 && value > gate_.threshold[latent];
      default: {
        if (!(value + gate_.gate_bias[latent] > 0)) return false;
        value = value * gate_.magnitude_scale[latent] + gate_.magnitude_bias[latent];
        return value > 0;
      }
    }
  }

  const SaeGate& gate_;
  int64_t rows_, panels_;
  std::vector<std::vector<SaeEntry>> lists_;
  std::vector<uint8_t> counts_;  // [rows][panels]
  std::vector<Part> parts_;      // [blocks][panels]
};

/// topk: every worker keeps, by row, a heap of the best k that it has seen, the worst on top; the best k of all are
/// among them.
class TopKSink {
 public:
  TopKSink(const SaeGate& gate, int64_t rows, int workers) : k_(gate.k), rows_(rows), heaps_(workers) {
    for (auto& worker : heaps_) worker.resize(rows);
  }

  void take(int64_t panel, int64_t, int64_t first_row, int rows, const float* tile, int64_t columns, int worker) {
    for (int r = 0; r < rows; r++) {
      auto& heap = heaps_[worker][first_row + r];
      for (int64_t j = 0; j < columns; j++) {
        SaeEntry entry{static_cast<int32_t>(panel * kPanel + j), tile[r * kPanel + j]};
        if (!(entry.value > 0) || k_ == 0) continue;
        if (static_cast<int64_t>(heap.size()) == k_) {
          if (!better(entry, heap.front())) continue;
          std::pop_heap(heap.begin(), heap.end(), better);
          heap.back() = entry;
        } else {
          heap.push_back(entry);
        }
        std::push_heap(heap.begin(), heap.end(), better);
      }
    }
  }

  void finish(SaeResult& result) {
    std::vector<SaeEntry> all;
    for (int64_t row = 0; row < rows_; row++) {
      all.clear();
      for (auto& worker : heaps_) all.insert(all.end(), worker[row].begin(), worker[row].end());
      std::sort(all.begin(), all.end(), better);
      if (static_cast<int64_t>(all.size()) > k_) all.resize(k_);
      std::sort(all.begin(), all.end(), [](const SaeEntry& a, const SaeEntry& b) { return a.latent < b.latent; });
      result.append(all.data(), static_cast<int64_t>(all.size()));
      result.end_row();
    }
  }

 private:
  int64_t k_, rows_;
  std::vector<std::vector<std::vector<SaeEntry>>> heaps_;
};

/// groupmax: every worker keeps the best of each row and group.
class GroupMaxSink {
 public:
  GroupMaxSink(const SaeGate& gate, int64_t rows, int64_t latents, int workers)
      : groups_(gate.k), size_(gate.k == 0 ? 1 : latents / gate.k), rows_(rows), best_(workers) {
    for (auto& worker : best_) worker.assign(rows * groups_, SaeEntry{-1, 0.0f});
  }

  void take(int64_t panel, int64_t, int64_t first_row, int rows, const float* tile, int64_t columns, int worker) {
    for (int r = 0; r < rows; r++) {
      SaeEntry* best = best_[worker].data() + (first_row + r) * groups_;
      for (int64_t j = 0; j < columns; j++) {
        int64_t latent = panel * kPanel + j, group = latent / size_;
        SaeEntry entry{static_cast<int32_t>(latent), tile[r * kPanel + j]};
        if (entry.value > 0 && group < groups_ && better(entry, best[group])) best[group] = entry;
      }
    }
  }

  void finish(SaeResult& result) {
    for (int64_t row = 0; row < rows_; row++) {
      for (int64_t at = row * groups_; at < (row + 1) * groups_; at++) {
        SaeEntry best = best_[0][at];
        for (auto& worker : best_)
          if (better(worker[at], best)) best = worker[at];
        if (best.latent >= 0) result.append(&best, 1);
      }
      result.end_row();
    }
  }

 private:
  int64_t groups_, size_, rows_;
  std::vector<std::vector<SaeEntry>> best_;  // [workers][rows * groups]
};

template <class Sink>
void encode(const MatMulPlan& plan, const srmk_matrix& w, const SaeGate& gate, Sink sink, SaeResult& result) {
  std::atomic<bool> out_of_memory{false};  // a task may not throw
  plan.run([&](int64_t panel, int64_t first, int64_t end, int worker) {
    const Operand& x = plan.operand();
    int64_t columns = std::min(kPanel, w.outputs - panel * kPanel);
    alignas(64) float tile[Operand::kBlockRows * kPanel];
    try {
      for (int64_t block = first; block < end; block++) {
        int rows = x.rows_of(block);
        plan.multiply(block, block + 1, w, panel, nullptr, tile, kPanel);
        for (int r = 0; r < rows; r++) affine(gate, panel * kPanel, columns, tile + r * kPanel);
        sink.take(panel, block, x.first_row(block), rows, tile, columns, worker);
      }
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  });
  if (out_of_memory) throw std::bad_alloc();
  sink.finish(result);
}

}  // namespace

VariantList sae_encode_variants() { return matmul_variants(); }

void sae_encode(srmk_backend& backend, Rows x, const srmk_matrix& w, const SaeGate& gate) {
  Operand packed{nullptr, x.rows, x.columns, w.compute};
  packed.data = backend.sae_operand.get<uint32_t>(x.rows * (x.columns + 1));
  pack(backend, x, packed);
  MatMulPlan plan(backend, backend.selected[SRMK_OP_SAE_ENCODE], packed, w.panels(),
                  2 * x.rows * x.columns * w.outputs);
  backend.sae.clear();
  const int workers = backend.pool.threads();
  switch (gate.kind) {
    case SRMK_SAE_TOPK: return encode(plan, w, gate, TopKSink(gate, x.rows, workers), backend.sae);
    case SRMK_SAE_GROUPMAX: return encode(plan, w, gate, GroupMaxSink(gate, x.rows, w.outputs, workers), backend.sae);
    default: return encode(plan, w, gate, ListSink(gate, x.rows, w.panels(), packed.blocks(), workers), backend.sae);
  }
}

}  // namespace srm
