#include "cpu/ops.h"
#include "cpu/ops/matmul_dot.h"
#include "cpu/ops/matmul_product.h"

#define SRM_KERNEL_FILE "cpu/ops/matmul_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

struct MatMulKernel {
  PackFn pack;
  MultiplyFn multiply;
  // With compute F32 the operand must not be rounded, so the dot product is no use and the variant falls back to these.
  PackFn pack_f32;
  MultiplyFn multiply_f32;
};

// Slowest first; the last one this CPU can run is the default. Tests and benchmarks walk this table.
constexpr std::array kMatMulVariants = {
    Variant<MatMulKernel>{
        "scalar", Cpu::kAny, {scalar::pack_rows, scalar::multiply_rows, scalar::pack_rows, scalar::multiply_rows}},
#if defined(__x86_64__)
    Variant<MatMulKernel>{
        "avx2", Cpu::kAvx2, {avx2::pack_rows, avx2::multiply_rows, avx2::pack_rows, avx2::multiply_rows}},
    Variant<MatMulKernel>{
        "avx512", Cpu::kAvx512, {avx512::pack_rows, avx512::multiply_rows, avx512::pack_rows, avx512::multiply_rows}},
    Variant<MatMulKernel>{
        "avx512_bf16",
        Cpu::kAvx512Bf16,
        {avx512_bf16::pack_rows, avx512_bf16::multiply_rows, avx512::pack_rows, avx512::multiply_rows}},
#endif
};
constexpr auto kMatMulInfos = infos(kMatMulVariants);

}  // namespace

VariantList matmul_variants() { return {kMatMulInfos.data(), static_cast<int>(kMatMulInfos.size())}; }

Product::Product(srmk_backend& backend, int variant, Rows x, const srmk_matrix& w)
    : backend_(backend), w_(w), rows_(x.rows) {
  const MatMulKernel& kernel = kMatMulVariants[variant].run;
  const bool rounded = w.compute == SRMK_BF16;
  multiply_ = rounded ? kernel.multiply : kernel.multiply_f32;
  const PackFn pack_rows = rounded ? kernel.pack : kernel.pack_f32;

  blocks_ = (rows_ + kBlockRows - 1) / kBlockRows;
  block_bytes_ = kBlockRows * (x.columns + 1) * static_cast<int64_t>(sizeof(float));  // enough for either packing
  packed_ = backend.shared_scratch.get<char>(blocks_ * block_bytes_);
  // Enough tasks for the threads to share evenly, where there are few panels.
  const int64_t wanted = 4 * backend.pool.threads(), panels = std::max<int64_t>(1, w.panels());
  chunks_ = std::clamp<int64_t>((wanted + panels - 1) / panels, 1, std::max<int64_t>(1, blocks_));
  chunk_ = (blocks_ + chunks_ - 1) / chunks_;
  share(blocks_, [&](int64_t block, int) {
    pack_rows(x, first_row(block), rows_of(block), rounded, packed_ + block * block_bytes_);
  });
}

void matmul(srmk_backend& backend, Rows x, const srmk_matrix& w, const float* bias, Rows y) {
  Product product(backend, backend.selected[SRMK_OP_MATMUL], x, w);
  product.run([&](int64_t panel, int64_t first, int64_t end, int) {
    for (int64_t block = first; block < end; block++)
      product.multiply(block, panel, bias, y.row(product.first_row(block)) + panel * kPanel, y.stride);
  });
}

}  // namespace srm
