// SaeEncode: the gate runs on each tile of the product while it is in the first cache; pre-activations are never
// stored. Formulas and ties are those of SparseRM.Sae.SaeGate.
#include <atomic>
#include <new>

#include "cpu/ops.h"
#include "cpu/ops/sae_encode_sinks.h"

namespace srm {
namespace {

template <class Sink>
void encode(const Product& product, const SaeTask& task, Sink sink) {
  // The product adds the bias where no scale comes between.
  const float* bias = task.gate.scale == nullptr ? task.gate.bias : nullptr;
  std::atomic<bool> out_of_memory{false};  // a task may not throw
  product.run([&](int64_t panel, int64_t first, int64_t end, int worker) {
    const int columns = static_cast<int>(std::min(kPanel, task.latents - panel * kPanel));
    alignas(64) float tile[Product::kBlockRows * kPanel];
    try {
      for (int64_t block = first; block < end; block++) {
        const int rows = product.rows_of(block);
        product.multiply(block, panel, bias, tile, kPanel);
        if (task.gate.scale != nullptr)
          for (int r = 0; r < rows; r++) task.kernel.scale(task.gate, panel * kPanel, columns, tile + r * kPanel);
        sink.take(block, panel, rows, tile, columns, worker);
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
  const int variant = backend.selected[SRMK_OP_SAE_ENCODE];
  const SaeGateKernel& kernel = sae_gate_kernel(sae_encode_variants().items[variant].needs);
  backend.sae_scratch.finds.resize(backend.pool.threads());
  backend.sae_scratch.merged.resize(backend.pool.threads());
  Product product(backend, variant, x, w);
  SaeTask task{backend, gate, kernel, x.rows, w.outputs, product.panels(), product.blocks()};
  if (gate.kind == SRMK_SAE_GROUPMAX) return encode(product, task, SaeGroupMaxSink(task));
  if (gate.kind == SRMK_SAE_TOPK && gate.k < w.outputs) return encode(product, task, SaeTopKSink(task));
  // The best of no more than k are all: relu.
  SaeGate each = gate;
  if (gate.kind == SRMK_SAE_TOPK) each.kind = SRMK_SAE_RELU;
  SaeTask list{backend, each, kernel, x.rows, w.outputs, product.panels(), product.blocks()};
  encode(product, list, SaeListSink(list));
}

}  // namespace srm
