#include "cpu/ops/gated_activation.h"

#include "cpu/ops.h"

#define SRM_KERNEL_FILE "cpu/ops/gated_activation_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

// Slowest first; the last one this CPU can run is the default. Tests and benchmarks walk this table.
constexpr std::array kGatedActivationVariants = {
    Variant<GateKernel>{"scalar", Cpu::kAny, {scalar::gate_row, scalar::gate_values}},
#if defined(__x86_64__)
    Variant<GateKernel>{"avx2", Cpu::kAvx2, {avx2::gate_row, avx2::gate_values}},
    Variant<GateKernel>{"avx512", Cpu::kAvx512, {avx512::gate_row, avx512::gate_values}},
#endif
};
constexpr auto kGatedActivationInfos = infos(kGatedActivationVariants);

}  // namespace

VariantList gated_activation_variants() {
  return {kGatedActivationInfos.data(), static_cast<int>(kGatedActivationInfos.size())};
}

const GateKernel& gate_kernel(Cpu needs) {
  size_t best = 0;
  for (size_t i = 1; i < kGatedActivationVariants.size(); i++)
    if (kGatedActivationVariants[i].needs <= needs) best = i;
  return kGatedActivationVariants[best].run;
}

void gated_activation(srmk_backend& backend, Rows gate, Rows up, int kind, Operand y) {
  require(kind >= SRMK_SILU && kind <= SRMK_GELU_ERF, "the gated activation is unknown");
  const GateKernel& run = kGatedActivationVariants[backend.selected[SRMK_OP_GATED_ACTIVATION]].run;
  Rows whole{};
  if (y.compute == SRMK_I8)
    whole = {backend.whole_rows.get<float>(static_cast<size_t>(y.rows * y.columns)), y.rows, y.columns, y.columns};
  for_row_blocks(backend, y.rows, 8 * y.columns, [&](int64_t first, int64_t count, int) {
    for (int64_t row = first; row < first + count; row++)
      if (whole.data != nullptr) {
        run.values(gate.row(row), up.row(row), y.columns, kind, whole.row(row));
      } else {
        run.row(gate.row(row), up.row(row), y.columns, kind, y, row, 0);
      }
  });
  if (whole.data != nullptr) pack(backend, whole, y);
}

}  // namespace srm
