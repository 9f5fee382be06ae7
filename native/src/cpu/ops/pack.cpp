#include "cpu/ops.h"

#define SRM_KERNEL_FILE "cpu/ops/pack_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

using PackFn = void (*)(Rows, Operand, int64_t, int64_t);

// Slowest first; the last one this CPU can run is the default. Tests and benchmarks walk this table.
constexpr std::array kPackVariants = {
    Variant<PackFn>{"scalar", Cpu::kAny, scalar::pack_rows},
#if defined(__x86_64__)
    Variant<PackFn>{"avx2", Cpu::kAvx2, avx2::pack_rows},
    Variant<PackFn>{"avx512", Cpu::kAvx512, avx512::pack_rows},
#endif
};
constexpr auto kPackInfos = infos(kPackVariants);

}  // namespace

VariantList pack_variants() { return {kPackInfos.data(), static_cast<int>(kPackInfos.size())}; }

void pack(srmk_backend& backend, Rows x, Operand y) {
  auto run = kPackVariants[backend.selected[SRMK_OP_PACK]].run;
  for_row_blocks(backend, x.rows, x.columns, [&](int64_t first, int64_t count, int) { run(x, y, first, count); });
}

}  // namespace srm
