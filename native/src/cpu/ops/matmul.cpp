#include "cpu/ops.h"
#include "cpu/ops/matmul_amx.h"
#include "cpu/ops/matmul_dot.h"
#include "cpu/ops/matmul_int8.h"
#include "cpu/ops/matmul_plan.h"

#define SRM_KERNEL_FILE "cpu/ops/matmul_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

// Slowest first; the last one this CPU can run is the default. Tests and benchmarks walk this table.
constexpr std::array kMatMulVariants = {
    Variant<MatMulKernel>{"scalar", Cpu::kAny, {scalar::multiply, nullptr, nullptr, scalar::multiply_int8}},
#if defined(__x86_64__)
    Variant<MatMulKernel>{"avx2", Cpu::kAvx2, {avx2::multiply, nullptr, nullptr, avx2::multiply_int8}},
    Variant<MatMulKernel>{"avx_vnni", Cpu::kAvxVnni, {avx2::multiply, nullptr, nullptr, avx_vnni::multiply_int8}},
    Variant<MatMulKernel>{"avx512", Cpu::kAvx512, {avx512::multiply, nullptr, nullptr, avx512::multiply_int8}},
    Variant<MatMulKernel>{
        "avx512_vnni", Cpu::kAvx512Vnni, {avx512::multiply, nullptr, nullptr, avx512_vnni::multiply_int8}},
    Variant<MatMulKernel>{"avx512_bf16",
                          Cpu::kAvx512Bf16,
                          {avx512::multiply, avx512_bf16::multiply, nullptr, avx512_vnni::multiply_int8}},
    Variant<MatMulKernel>{
        "amx_bf16",
        Cpu::kAmxBf16,
        {avx512::multiply, nullptr, amx_bf16::multiply, avx512_vnni::multiply_int8, amx_bf16::multiply_int8}},
#endif
};
constexpr auto kMatMulInfos = infos(kMatMulVariants);

}  // namespace

VariantList matmul_variants() { return {kMatMulInfos.data(), static_cast<int>(kMatMulInfos.size())}; }

int matmul_computing(int variant, int compute) {
  if (variant >= static_cast<int>(kMatMulVariants.size())) return variant;  // the user's own: refuses what it lacks
  const auto kernels = [&](int i) -> std::array<MultiplyFn, 2> {
    const MatMulKernel& kernel = kMatMulVariants[i].run;
    if (compute == SRMK_I8) return {kernel.integers, kernel.integer_tiles};
    if (compute == SRMK_BF16 && takes_pairs(kernel)) return {kernel.dot, kernel.tiles};
    return {kernel.multiply, nullptr};
  };
  int first = 0;
  while (kernels(first) != kernels(variant)) first++;
  return first;
}

const MatMulKernel& matmul_kernel(int variant) {
  return variant < static_cast<int>(kMatMulVariants.size()) ? kMatMulVariants[variant].run : *own_kernel();
}

bool multiplies_pairs(const srmk_backend& backend) {
  return takes_pairs(matmul_kernel(backend.selected[SRMK_OP_MATMUL])) ||
         takes_pairs(matmul_kernel(backend.selected[SRMK_OP_GATED_MATMUL]));
}

void MatMulPlan::widen() {
  const Operand halves = x_;
  x_.widened = true;
  x_.data = backend_.shared_scratch.get<uint32_t>(x_.rows * x_.columns);
  share(x_.blocks(), [&](int64_t block, int) {
    const int64_t rows = x_.rows_of(block);
    const uint32_t* from = halves.block(block);
    uint32_t* to = x_.block(block);
    for (int64_t k = 0; k < x_.columns; k++)
      for (int64_t r = 0; r < rows; r++) {
        const uint32_t pair = from[k / 2 * rows + r];
        to[k * rows + r] = k % 2 == 0 ? pair << 16 : pair & 0xffff0000u;
      }
  });
}

void MatMulPlan::narrow() {
  const Operand floats = x_;
  x_.widened = false;
  x_.data = backend_.pairs.get<uint32_t>(x_.rows * x_.width());
  share(x_.blocks(), [&](int64_t block, int) {
    const int64_t rows = x_.rows_of(block);
    const uint32_t* from = floats.block(block);
    uint32_t* to = x_.block(block);
    for (int64_t pair = 0; pair < x_.width(); pair++)
      for (int64_t r = 0; r < rows; r++) {
        const uint32_t high = 2 * pair + 1 < x_.columns ? from[(2 * pair + 1) * rows + r] : 0;
        to[pair * rows + r] = from[2 * pair * rows + r] >> 16 | high;
      }
  });
}

void MatMulPlan::lay_out_rows() {
  const Operand blocks = x_;
  const bool bytes = x_.compute == SRMK_I8;
  const int64_t width = (blocks.width() + 15) / 16 * 16, behind = x_.rows * width;
  x_.columns = width * (bytes ? 4 : 2);
  x_.data = backend_.shared_scratch.get<uint32_t>(behind + 16 * width + (bytes ? x_.rows : 0));
  std::memset(x_.data + behind, 0, 16 * width * sizeof(uint32_t));
  // What tiles read of the scales belongs to rows that there are not.
  if (bytes) std::memcpy(x_.scales(), blocks.scales(), x_.rows * sizeof(float));
  share(blocks.blocks(), [&](int64_t block, int) {
    const int64_t rows = blocks.rows_of(block);
    for (int64_t r = 0; r < rows; r++) {
      uint32_t* to = x_.data + (blocks.first_row(block) + r) * width;
      for (int64_t word = 0; word < blocks.width(); word++) to[word] = blocks.block(block)[word * rows + r];
      std::memset(to + blocks.width(), 0, (width - blocks.width()) * sizeof(uint32_t));
    }
  });
}

void matmul(srmk_backend& backend, Operand x, const MatMulOutput* outputs, int64_t count) {
  int64_t panels = 0, flops = 0;
  for (int64_t i = 0; i < count; i++) {
    panels += outputs[i].w->panels();
    flops += 2 * x.rows * x.columns * outputs[i].w->outputs;
  }
  MatMulPlan plan(backend, backend.selected[SRMK_OP_MATMUL], x, panels, flops);
  plan.run([&](int64_t panel, int64_t first, int64_t end, int) {
    const MatMulOutput* output = outputs;
    while (panel >= output->w->panels()) panel -= output++->w->panels();
    float* c = output->y.row(x.first_row(first)) + panel * kPanel;
    plan.multiply(first, end, *output->w, panel, output->bias, c, output->y.stride);
  });
}

}  // namespace srm
