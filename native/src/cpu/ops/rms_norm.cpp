#include "cpu/ops.h"

#define SRM_KERNEL_FILE "cpu/ops/rms_norm_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

using RmsNormFn = void (*)(Rows, const float*, int64_t, float, float, Rows, int64_t, int64_t);
using AddRmsNormFn = void (*)(Rows, Rows, const float*, const float*, float, float, Operand, int64_t, int64_t);

// Slowest first; the last one this CPU can run is the default. Tests and benchmarks walk these tables.
constexpr std::array kRmsNormVariants = {
    Variant<RmsNormFn>{"scalar", Cpu::kAny, scalar::rms_norm_rows},
#if defined(__x86_64__)
    Variant<RmsNormFn>{"avx2", Cpu::kAvx2, avx2::rms_norm_rows},
    Variant<RmsNormFn>{"avx512", Cpu::kAvx512, avx512::rms_norm_rows},
#endif
};
constexpr std::array kAddRmsNormVariants = {
    Variant<AddRmsNormFn>{"scalar", Cpu::kAny, scalar::add_rms_norm_rows},
#if defined(__x86_64__)
    Variant<AddRmsNormFn>{"avx2", Cpu::kAvx2, avx2::add_rms_norm_rows},
    Variant<AddRmsNormFn>{"avx512", Cpu::kAvx512, avx512::add_rms_norm_rows},
#endif
};
constexpr auto kRmsNormInfos = infos(kRmsNormVariants);
constexpr auto kAddRmsNormInfos = infos(kAddRmsNormVariants);

}  // namespace

VariantList rms_norm_variants() { return {kRmsNormInfos.data(), static_cast<int>(kRmsNormInfos.size())}; }
VariantList add_rms_norm_variants() { return {kAddRmsNormInfos.data(), static_cast<int>(kAddRmsNormInfos.size())}; }

void rms_norm(srmk_backend& backend, Rows x, Rows weight, float eps, float unit_offset, Rows y) {
  auto run = kRmsNormVariants[backend.selected[SRMK_OP_RMS_NORM]].run;
  for_row_blocks(backend, x.rows, x.columns, [&](int64_t first, int64_t count, int) {
    run(x, weight.data, weight.columns, eps, unit_offset, y, first, count);
  });
}

void add_rms_norm(srmk_backend& backend, Rows residual, Rows delta, const float* delta_weight, const float* weight,
                  float eps, float unit_offset, Operand y) {
  auto run = kAddRmsNormVariants[backend.selected[SRMK_OP_ADD_RMS_NORM]].run;
  for_row_blocks(backend, y.rows, y.columns, [&](int64_t first, int64_t count, int) {
    run(residual, delta, delta_weight, weight, eps, unit_offset, y, first, count);
  });
}

}  // namespace srm
