#include "cpu/ops.h"

#define SRM_KERNEL_FILE "cpu/ops/rope_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

using RopeFn = void (*)(Rows, const int32_t*, Rows, int64_t, int64_t);

// Slowest first; the last one this CPU can run is the default. Tests and benchmarks walk this table.
constexpr std::array kRopeVariants = {
    Variant<RopeFn>{"scalar", Cpu::kAny, scalar::rope_rows},
#if defined(__x86_64__)
    Variant<RopeFn>{"avx2", Cpu::kAvx2, avx2::rope_rows},
    Variant<RopeFn>{"avx512", Cpu::kAvx512, avx512::rope_rows},
#endif
};
constexpr auto kRopeInfos = infos(kRopeVariants);

}  // namespace

VariantList rope_variants() { return {kRopeInfos.data(), static_cast<int>(kRopeInfos.size())}; }

void rope(srmk_backend& backend, Rows x, const int32_t* positions, Rows cos_sin) {
  auto run = kRopeVariants[backend.selected[SRMK_OP_ROPE]].run;
  for_row_blocks(backend, x.rows, x.columns,
                 [&](int64_t first, int64_t count, int) { run(x, positions, cos_sin, first, count); });
}

}  // namespace srm
