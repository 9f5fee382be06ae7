#include "cpu/ops/matmul_dot.h"

#include "cpu/ops/matmul_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")
namespace srm::avx512_bf16 {
namespace {

constexpr int kVectors = 4;         // 64 columns, a panel
constexpr int kPrefetchPairs = 12;  // a panel streams from the second cache; this far ahead hides it

__mmask16 first_lanes(int64_t n) { return static_cast<__mmask16>(n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1); }

// kRows x columns <= 64 sums over some pairs in rising order; add: they go on from c.
template <int kRows>
void multiply_block(const uint32_t* a, const uint32_t* b, int64_t pairs, int64_t columns, bool add, const float* bias,
                    float* c, int64_t c_stride) {
  __m512 sums[kRows][kVectors];
  for (int r = 0; r < kRows; r++)
    for (int j = 0; j < kVectors; j++)
      sums[r][j] =
          add ? _mm512_maskz_loadu_ps(first_lanes(columns - j * 16), c + r * c_stride + j * 16) : _mm512_setzero_ps();
  for (int64_t pair = 0; pair < pairs; pair++, a += kRows, b += kPanel) {
    __m512bh values[kVectors];
    for (int j = 0; j < kVectors; j++) {
      values[j] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + j * 16));
      _mm_prefetch(reinterpret_cast<const char*>(b + kPrefetchPairs * kPanel + j * 16), _MM_HINT_T0);
    }
    for (int r = 0; r < kRows; r++) {
      auto x = reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(a[r])));
      for (int j = 0; j < kVectors; j++) sums[r][j] = _mm512_dpbf16_ps(sums[r][j], x, values[j]);
    }
  }
  for (int j = 0; j < kVectors; j++) {
    const __mmask16 lanes = first_lanes(columns - j * 16);
    const __m512 added = bias == nullptr ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(lanes, bias + j * 16);
    for (int r = 0; r < kRows; r++)
      _mm512_mask_storeu_ps(c + r * c_stride + j * 16, lanes,
                            bias == nullptr ? sums[r][j] : _mm512_add_ps(sums[r][j], added));
  }
}

}  // namespace

void multiply(const Operand& x, int64_t first_block, int64_t end_block, const srmk_matrix& w, int64_t panel,
              const float* bias, float* c, int64_t c_stride) {
  const int64_t output = panel * kPanel, columns = std::min(kPanel, w.outputs - output);
  const int64_t all = w.padded_inputs() / 2, step = inputs_at_a_time(2 * all, kPanel * 2) / 2;
  for (int64_t begin = 0; begin < all; begin += step) {
    const int64_t pairs = std::min(step, all - begin);
    const uint32_t* b = w.pairs(panel) + begin * kPanel;
    const float* added = bias == nullptr || begin + pairs < all ? nullptr : bias + output;
    for (int64_t block = first_block; block < end_block; block++) {
      const int rows = x.rows_of(block);
      const uint32_t* a = x.block(block) + begin * rows;
      float* to = c + (block - first_block) * Operand::kBlockRows * c_stride;
      switch (rows) {
        case 1: multiply_block<1>(a, b, pairs, columns, begin > 0, added, to, c_stride); break;
        case 2: multiply_block<2>(a, b, pairs, columns, begin > 0, added, to, c_stride); break;
        case 3: multiply_block<3>(a, b, pairs, columns, begin > 0, added, to, c_stride); break;
        case 4: multiply_block<4>(a, b, pairs, columns, begin > 0, added, to, c_stride); break;
        case 5: multiply_block<5>(a, b, pairs, columns, begin > 0, added, to, c_stride); break;
        default: multiply_block<6>(a, b, pairs, columns, begin > 0, added, to, c_stride);
      }
    }
  }
}

}  // namespace srm::avx512_bf16
#pragma GCC pop_options
#endif
