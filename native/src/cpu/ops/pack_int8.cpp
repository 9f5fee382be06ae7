#include "cpu/ops/pack_int8.h"

#include <atomic>

#include "cpu/ops/transpose_words.h"
#include "cpu/weight_element.h"
#include "variant.h"

#define SRM_KERNEL_FILE "cpu/ops/pack_int8_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

constexpr int64_t kBlockRows = 16;  // a cache line of a panel
constexpr int64_t kSpare = 256;     // bytes beyond a row that its rounding may write

using RoundRowFn = bool (*)(const char* from, int dtype, int64_t n, int8_t* bytes, float* scale, int32_t* sum);

RoundRowFn round_row() {
#if defined(__x86_64__)
  if (supports(Cpu::kAvx512)) return avx512::round_row;
  if (supports(Cpu::kAvx2)) return avx2::round_row;
#endif
  return scalar::round_row;
}

int64_t element_size(int dtype) {
  switch (dtype) {
    case SRMK_F32: return 4;
    case SRMK_BF16:
    case SRMK_F16: return 2;
    default: throw Error(SRMK_INVALID_ARGUMENT, "the weights' element type is unknown");
  }
}

int64_t first_bad_of(const char* source, int dtype, int64_t count) {
  switch (dtype) {
    case SRMK_F32: return first_bad<F32Element>(source, count);
    case SRMK_BF16: return first_bad<Bf16Element>(source, count);
    default: return first_bad<F16Element>(source, count);
  }
}

}  // namespace

int64_t pack_int8(srmk_backend& backend, const srmk_matrix& matrix, const void* source, int dtype, int64_t first_output,
                  int64_t outputs) {
  if (outputs == 0) return -1;
  const auto* from = static_cast<const char*>(source);
  const int64_t inputs = matrix.inputs, row_bytes = inputs * element_size(dtype);
  const int64_t width = matrix.padded_inputs() + kSpare, first_block = first_output / kBlockRows;
  const int64_t blocks = (first_output + outputs - 1) / kBlockRows - first_block + 1;
  const RoundRowFn round = round_row();
  const auto made_bytes = static_cast<size_t>(kBlockRows * width);
  for (auto& scratch : backend.worker_scratch) scratch.get(made_bytes);  // before the tasks, which may not fail
  std::atomic<bool> finite{true};
  backend.pool.run(blocks, [&](int64_t task, int worker) {
    // Blocks begin at multiples of 16 outputs of the matrix, so that none spans two panels.
    const int64_t at = (first_block + task) * kBlockRows, first = std::max(first_output, at);
    const int64_t end = std::min(first_output + outputs, at + kBlockRows);
    auto* bytes = backend.worker_scratch[worker].get<int8_t>(made_bytes);
    for (int64_t output = first; output < end; output++) {
      int32_t sum;
      if (!round(from + (output - first_output) * row_bytes, dtype, inputs, bytes + (output - first) * width,
                 matrix.scales() + output, &sum))
        finite = false;
      matrix.offsets()[output] = 128 * sum;
    }
    auto* to = const_cast<uint32_t*>(matrix.words(first / kPanel)) + first % kPanel;
    transpose_words(reinterpret_cast<const char*>(bytes), width, end - first, matrix.words_per_output(), to);
  });
  return finite ? -1 : first_bad_of(from, dtype, outputs * inputs);
}

}  // namespace srm
