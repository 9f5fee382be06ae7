#include "cpu/ops.h"
#include "cpu/ops/matmul_dot.h"

#define SRM_KERNEL_FILE "cpu/ops/matmul_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

constexpr int64_t kBlockRows = 6;

using PackFn = void (*)(Rows x, int64_t row, int rows, bool round, void* packed);
using MultiplyFn = void (*)(const void* packed, int rows, const srmk_matrix& w, int64_t panel, const float* bias,
                            Rows y, int64_t row);

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

// x is packed once in blocks of 6 rows; then each task sweeps one panel of weights, which stays in the second cache,
// over a run of blocks.
void matmul(srmk_backend& backend, Rows x, const srmk_matrix& w, const float* bias, Rows y) {
  if (x.rows == 0) return;
  const MatMulKernel& kernel = kMatMulVariants[backend.selected[SRMK_OP_MATMUL]].run;
  const bool rounded = w.compute == SRMK_BF16;
  const PackFn pack_rows = rounded ? kernel.pack : kernel.pack_f32;
  const MultiplyFn multiply_rows = rounded ? kernel.multiply : kernel.multiply_f32;

  const int64_t blocks = (x.rows + kBlockRows - 1) / kBlockRows;
  const int64_t block_bytes =
      kBlockRows * (x.columns + 1) * static_cast<int64_t>(sizeof(float));  // enough for either packing
  char* packed = backend.shared_scratch.get<char>(blocks * block_bytes);
  auto rows_of = [&](int64_t block) { return static_cast<int>(std::min(kBlockRows, x.rows - block * kBlockRows)); };

  const bool small = x.rows * w.inputs * w.outputs < 64 * 1024;  // not worth waking anyone
  auto run = [&](int64_t tasks, const auto& body) {
    if (small) {
      for (int64_t task = 0; task < tasks; task++) body(task, 0);
    } else {
      backend.pool.run(tasks, body);
    }
  };
  run(blocks, [&](int64_t block, int) {
    pack_rows(x, block * kBlockRows, rows_of(block), rounded, packed + block * block_bytes);
  });

  const int64_t panels = w.panels(), wanted = 4 * backend.pool.threads();
  const int64_t chunks = std::clamp<int64_t>((wanted + panels - 1) / panels, 1, blocks),
                chunk = (blocks + chunks - 1) / chunks;
  run(panels * chunks, [&](int64_t task, int) {
    int64_t panel = task / chunks, first = task % chunks * chunk;
    for (int64_t block = first; block < std::min(blocks, first + chunk); block++)
      multiply_rows(packed + block * block_bytes, rows_of(block), w, panel, bias, y, block * kBlockRows);
  });
}

}  // namespace srm
