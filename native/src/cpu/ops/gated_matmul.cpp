#include "cpu/ops.h"
#include "cpu/ops/gated_activation.h"
#include "cpu/ops/matmul_plan.h"

namespace srm {

VariantList gated_matmul_variants() { return matmul_variants(); }

// A task sweeps a panel of gate over its rows, then the same panel of up; the products stay in the second cache and are
// gated there, so neither is ever stored as a whole.
void gated_matmul(srmk_backend& backend, Operand x, const srmk_matrix& gate, const srmk_matrix& up, int kind,
                  Operand y) {
  require(kind >= SRMK_SILU && kind <= SRMK_GELU_ERF, "the gated activation is unknown");
  const int variant = backend.selected[SRMK_OP_GATED_MATMUL];
  const GateKernel& activation = gate_kernel(matmul_variants().items[variant].needs);
  MatMulPlan plan(backend, variant, x, gate.panels(), 4 * x.rows * x.columns * gate.outputs);
  const int64_t floats = plan.longest_run() * Operand::kBlockRows * kPanel;
  for (auto& scratch : backend.worker_scratch) scratch.get<float>(2 * floats);  // before the tasks, which may not fail
  Rows whole{};
  if (y.compute == SRMK_I8)
    whole = {backend.whole_rows.get<float>(static_cast<size_t>(y.rows * y.columns)), y.rows, y.columns, y.columns};
  plan.run([&](int64_t panel, int64_t first, int64_t end, int worker) {
    float* gates = backend.worker_scratch[worker].get<float>(2 * floats);
    float* ups = gates + floats;
    plan.multiply(first, end, gate, panel, nullptr, gates, kPanel);
    plan.multiply(first, end, up, panel, nullptr, ups, kPanel);
    const int64_t row = x.first_row(first), rows = std::min(x.rows, x.first_row(end)) - row;
    const int64_t column = panel * kPanel, columns = std::min(kPanel, gate.outputs - column);
    for (int64_t r = 0; r < rows; r++)
      if (whole.data != nullptr) {
        activation.values(gates + r * kPanel, ups + r * kPanel, columns, kind, whole.row(row + r) + column);
      } else {
        activation.row(gates + r * kPanel, ups + r * kPanel, columns, kind, y, row + r, column);
      }
  });
  if (whole.data != nullptr) pack(backend, whole, y);
}

}  // namespace srm
