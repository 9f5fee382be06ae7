#include "cpu/ops.h"

#define SRM_KERNEL_FILE "cpu/ops/gated_activation_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

using GateRowFn = void (*)(const float* gate, const float* up, int64_t n, int kind, Operand y, int64_t row,
                           int64_t column);

// Slowest first; the last one this CPU can run is the default. Tests and benchmarks walk this table.
constexpr std::array kGatedActivationVariants = {
    Variant<GateRowFn>{"scalar", Cpu::kAny, scalar::gate_row},
#if defined(__x86_64__)
    Variant<GateRowFn>{"avx2", Cpu::kAvx2, avx2::gate_row},
    Variant<GateRowFn>{"avx512", Cpu::kAvx512, avx512::gate_row},
#endif
};
constexpr auto kGatedActivationInfos = infos(kGatedActivationVariants);

}  // namespace

VariantList gated_activation_variants() {
  return {kGatedActivationInfos.data(), static_cast<int>(kGatedActivationInfos.size())};
}

void gated_activation(srmk_backend& backend, Rows gate, Rows up, int kind, Operand y) {
  require(kind >= SRMK_SILU && kind <= SRMK_GELU_ERF, "the gated activation is unknown");
  auto run = kGatedActivationVariants[backend.selected[SRMK_OP_GATED_ACTIVATION]].run;
  for_row_blocks(backend, y.rows, 8 * y.columns, [&](int64_t first, int64_t count, int) {
    for (int64_t row = first; row < first + count; row++) run(gate.row(row), up.row(row), y.columns, kind, y, row, 0);
  });
}

}  // namespace srm
