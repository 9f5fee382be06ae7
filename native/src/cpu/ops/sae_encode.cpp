// SaeEncode: the gate runs on some blocks of the product while they are in the first caches; pre-activations are never
// stored as a whole. Formulas and ties are those of SparseRM.Backends.SaeGate.
#include <atomic>
#include <new>

#include "cpu/ops.h"
#include "cpu/ops/matmul_plan.h"
#include "cpu/ops/sae_encode_sinks.h"

namespace srm {
namespace {

/// Blocks that are multiplied before they are gated: 24 KiB. Several, as a product whose panels exceed the second cache
/// reads a part of a panel for all of them.
constexpr int64_t kBlocks = 16;

template <class Sink>
void encode(const MatMulPlan& plan, const srmk_matrix& w, const SaeTask& task, Sink sink) {
  // The product adds the bias where no scale comes between.
  const float* bias = task.gate.scale == nullptr ? task.gate.bias : nullptr;
  std::atomic<bool> out_of_memory{false};  // a task may not throw
  plan.run([&](int64_t panel, int64_t first, int64_t end, int worker) {
    const int columns = static_cast<int>(std::min(kPanel, task.latents - panel * kPanel));
    alignas(64) float tiles[kBlocks * Operand::kBlockRows * kPanel];
    try {
      for (int64_t at = first; at < end; at += kBlocks) {
        const int64_t stop = std::min(end, at + kBlocks);
        plan.multiply(at, stop, w, panel, bias, tiles, kPanel);
        float* tile = tiles;
        for (int64_t block = at; block < stop; block++, tile += Operand::kBlockRows * kPanel) {
          const int rows = task.x.rows_of(block);
          if (task.gate.scale != nullptr)
            for (int r = 0; r < rows; r++) task.kernel.scale(task.gate, panel * kPanel, columns, tile + r * kPanel);
          sink.take(block, panel, rows, tile, columns, worker);
        }
      }
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  });
  if (out_of_memory) throw std::bad_alloc();
  sink.finish(task.backend.sae);
}

}  // namespace

VariantList sae_encode_variants() { return matmul_variants(); }

void sae_encode(srmk_backend& backend, Rows x, const srmk_matrix& w, const SaeGate& gate) {
  const bool chooses = gate.kind == SRMK_SAE_TOPK || gate.kind == SRMK_SAE_GROUPMAX;
  backend.sae.ends.assign(x.rows, 0);
  if (chooses && gate.k == 0) return;
  SaeGate meant = gate;
  if (gate.kind == SRMK_SAE_TOPK && gate.k >= w.outputs) meant.kind = SRMK_SAE_RELU;  // the best of no more than k: all

  const int variant = backend.selected[SRMK_OP_SAE_ENCODE];
  Operand packed{nullptr, x.rows, x.columns, w.compute};
  packed.widened = w.compute == SRMK_BF16 && !takes_pairs(matmul_kernel(variant));
  packed.data = backend.sae_operand.get<uint32_t>(x.rows * (x.columns + 1));
  pack(backend, x, packed);
  backend.sae_scratch.finds.resize(backend.pool.threads());
  backend.sae_scratch.merged.resize(backend.pool.threads());
  MatMulPlan plan(backend, variant, packed, w.panels(), 2 * x.rows * x.columns * w.outputs);
  const SaeGateKernel& kernel = sae_gate_kernel(sae_encode_variants().items[variant].needs);
  const SaeTask task{backend, meant, kernel, packed, w.outputs, w.panels()};
  switch (meant.kind) {
    case SRMK_SAE_TOPK: return encode(plan, w, task, SaeTopKSink(task));
    case SRMK_SAE_GROUPMAX: return encode(plan, w, task, SaeGroupMaxSink(task));
    default: return encode(plan, w, task, SaeListSink(task));
  }
}

}  // namespace srm
