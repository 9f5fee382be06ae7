#include "cpu/ops.h"

#define SRM_KERNEL_FILE "cpu/ops/gated_activation_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

using GatedActivationFn = void (*)(Rows, int, Rows, int64_t, int64_t);

// Slowest first; the last one this CPU can run is the default. Tests and benchmarks walk this table.
constexpr std::array kGatedActivationVariants = {
    Variant<GatedActivationFn>{"scalar", Cpu::kAny, scalar::gated_activation_rows},
#if defined(__x86_64__)
    Variant<GatedActivationFn>{"avx2", Cpu::kAvx2, avx2::gated_activation_rows},
    Variant<GatedActivationFn>{"avx512", Cpu::kAvx512, avx512::gated_activation_rows},
#endif
};
constexpr auto kGatedActivationInfos = infos(kGatedActivationVariants);

}  // namespace

VariantList gated_activation_variants() {
  return {kGatedActivationInfos.data(), static_cast<int>(kGatedActivationInfos.size())};
}

void gated_activation(srmk_backend& backend, Rows gate_up, int kind, Rows y) {
  require(kind >= SRMK_SILU && kind <= SRMK_GELU_ERF, "the gated activation is unknown");
  auto run = kGatedActivationVariants[backend.selected[SRMK_OP_GATED_ACTIVATION]].run;
  for_row_blocks(backend, y.rows, 8 * y.columns,
                 [&](int64_t first, int64_t count, int) { run(gate_up, kind, y, first, count); });
}

}  // namespace srm
