#include "cpu/ops/matmul_dot.h"

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

template <int kRows>
void pack_block(Rows x, int64_t row, uint32_t* packed) {
  alignas(64) uint32_t pairs[16];
  for (int r = 0; r < kRows; r++) {
    const float* source = x.row(row + r);
    for (int64_t k = 0; k < x.columns; k += 32) {
      int64_t left = x.columns - k;
      __m512 low = _mm512_maskz_loadu_ps(first_lanes(left), source + k);
      __m512 high = _mm512_maskz_loadu_ps(first_lanes(left - 16), source + k + 16);
      _mm512_store_si512(pairs, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
      int64_t count = std::min<int64_t>(16, (left + 1) / 2);
      for (int64_t pair = 0; pair < count; pair++) packed[(k / 2 + pair) * kRows + r] = pairs[pair];
    }
  }
}

// kRows x 64 outputs; every sum runs over all pairs in rising order, whatever kRows is.
template <int kRows>
void multiply_block(const uint32_t* a, const srmk_matrix& w, int64_t panel, const float* bias, float* c,
                    int64_t c_stride) {
  __m512 sums[kRows][kVectors];
  for (int r = 0; r < kRows; r++)
    for (int j = 0; j < kVectors; j++) sums[r][j] = _mm512_setzero_ps();
  const uint32_t* b = w.pairs(panel);
  const int64_t pairs = w.padded_inputs() / 2;
  for (int64_t pair = 0; pair < pairs; pair++, a += kRows, b += kPanel) {
    __m512bh columns[kVectors];
    for (int j = 0; j < kVectors; j++) {
      columns[j] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + j * 16));
      _mm_prefetch(reinterpret_cast<const char*>(b + kPrefetchPairs * kPanel + j * 16), _MM_HINT_T0);
    }
    for (int r = 0; r < kRows; r++) {
      auto x = reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(a[r])));
      for (int j = 0; j < kVectors; j++) sums[r][j] = _mm512_dpbf16_ps(sums[r][j], x, columns[j]);
    }
  }
  int64_t output = panel * kPanel;
  for (int j = 0; j < kVectors; j++) {
    __mmask16 lanes = first_lanes(w.outputs - output - j * 16);
    __m512 added = bias == nullptr ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(lanes, bias + output + j * 16);
    for (int r = 0; r < kRows; r++)
      _mm512_mask_storeu_ps(c + r * c_stride + j * 16, lanes, _mm512_add_ps(sums[r][j], added));
  }
}

}  // namespace

void pack_rows(Rows x, int64_t row, int rows, bool, void* packed) {
  auto* to = static_cast<uint32_t*>(packed);
  switch (rows) {
    case 1: return pack_block<1>(x, row, to);
    case 2: return pack_block<2>(x, row, to);
    case 3: return pack_block<3>(x, row, to);
    case 4: return pack_block<4>(x, row, to);
    case 5: return pack_block<5>(x, row, to);
    default: return pack_block<6>(x, row, to);
  }
}

void multiply_rows(const void* packed, int rows, const srmk_matrix& w, int64_t panel, const float* bias, float* c,
                   int64_t c_stride) {
  auto* from = static_cast<const uint32_t*>(packed);
  switch (rows) {
    case 1: return multiply_block<1>(from, w, panel, bias, c, c_stride);
    case 2: return multiply_block<2>(from, w, panel, bias, c, c_stride);
    case 3: return multiply_block<3>(from, w, panel, bias, c, c_stride);
    case 4: return multiply_block<4>(from, w, panel, bias, c, c_stride);
    case 5: return multiply_block<5>(from, w, panel, bias, c, c_stride);
    default: return multiply_block<6>(from, w, panel, bias, c, c_stride);
  }
}

}  // namespace srm::avx512_bf16
#pragma GCC pop_options
#endif
