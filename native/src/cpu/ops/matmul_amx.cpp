#include "cpu/ops/matmul_amx.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,amx-tile,amx-bf16,amx-int8")
#include "cpu/simd/amx.h"

// Every tile is 16 rows of 64 bytes. Two tiles of x (32 rows) and two of w (32 outputs) feed four of sums, so that each
// loaded tile is used twice. A panel of w, [inputs/2][64][2] of bf16 or [inputs/4][64][4] of bytes, is what the
// right-hand tile wants as it lies.
namespace srm::amx_bf16 {
namespace {

constexpr int64_t kTileRows = 16, kTileWords = 16, kTileOutputs = 16;

struct alignas(64) Configuration {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

constexpr int64_t kStep = kTileWords * kPanel;  // words of a panel that a step takes

// Tile numbers must stand in the source.
#define SRM_TILE_DOT(sum, left, right)        \
  if constexpr (std::is_same_v<Sum, int32_t>) \
    tile_dot_bytes(sum, left, right);         \
  else                                        \
    tile_dot(sum, left, right)

// sums [32][32] of rows [row, row + 32) of x and 32 outputs, of which b points to the first.
template <class Sum>
void multiply_tiles(const Operand& x, int64_t row, const uint32_t* b, const uint32_t* last_b, int64_t whole,
                    Sum* sums) {
  tile_zero(0);
  tile_zero(1);
  tile_zero(2);
  tile_zero(3);
  const int64_t width = x.width(), steps = width / kTileWords;
  const uint32_t* a = x.data + row * width;
  for (int64_t step = 0; step < steps; step++, a += kTileWords) {
    const uint32_t* from = step < whole ? b + step * kStep : last_b;
    tile_load(4, a, width * 4);
    tile_load(5, a + kTileRows * width, width * 4);
    tile_load(6, from, kPanel * 4);
    tile_load(7, from + kTileOutputs, kPanel * 4);
    SRM_TILE_DOT(0, 4, 6);
    SRM_TILE_DOT(1, 4, 7);
    SRM_TILE_DOT(2, 5, 6);
    SRM_TILE_DOT(3, 5, 7);
  }
  tile_store(0, sums, 32 * 4);
  tile_store(1, sums + kTileOutputs, 32 * 4);
  tile_store(2, sums + kTileRows * 32, 32 * 4);
  tile_store(3, sums + kTileRows * 32 + kTileOutputs, 32 * 4);
}

// Whoever reads weights for few rows waits for memory, which tiles do not ask for by themselves: so many steps ahead.
constexpr int64_t kAhead = 4;
void ask_for(const uint32_t* weights) {
  for (int64_t i = 0; i < kStep; i += 16) _mm_prefetch(reinterpret_cast<const char*>(weights + i), _MM_HINT_T0);
}

// sums [16][64] of rows [row, row + 16) of x and all outputs of a panel: a dot waits for the one before it into the
// same sums, so few rows have four of them under way, and the panel is read from front to back. after: what is read
// next; null where nothing is to be asked for.
template <class Sum>
void multiply_panel(const Operand& x, int64_t row, const uint32_t* b, const uint32_t* last_b, int64_t whole,
                    const uint32_t* after, Sum* sums) {
  tile_zero(0);
  tile_zero(1);
  tile_zero(2);
  tile_zero(3);
  const int64_t width = x.width(), steps = width / kTileWords;
  const uint32_t* a = x.data + row * width;
  for (int64_t step = 0; step < steps; step++, a += kTileWords) {
    const uint32_t* from = step < whole ? b + step * kStep : last_b;
    const int64_t ahead = step + kAhead;
    if (after != nullptr) ask_for(ahead < whole ? b + ahead * kStep : after + (ahead - whole) * kStep);
    tile_load(4, a, width * 4);
    tile_load(5, from, kPanel * 4);
    tile_load(6, from + kTileOutputs, kPanel * 4);
    SRM_TILE_DOT(0, 4, 5);
    SRM_TILE_DOT(1, 4, 6);
    tile_load(7, from + 2 * kTileOutputs, kPanel * 4);
    tile_load(5, from + 3 * kTileOutputs, kPanel * 4);
    SRM_TILE_DOT(2, 4, 7);
    SRM_TILE_DOT(3, 4, 5);
  }
  tile_store(0, sums, kPanel * 4);
  tile_store(1, sums + kTileOutputs, kPanel * 4);
  tile_store(2, sums + 2 * kTileOutputs, kPanel * 4);
  tile_store(3, sums + 3 * kTileOutputs, kPanel * 4);
}

#undef SRM_TILE_DOT

template <class Sum>
void multiply_rows(const Operand& x, int64_t first_block, int64_t end_block, const srmk_matrix& w, int64_t panel,
                   const float* bias, float* c, int64_t c_stride) {
  const int64_t output = panel * kPanel, columns = std::min(kPanel, w.outputs - output);
  const int64_t first = x.first_row(first_block), end = std::min(x.rows, x.first_row(end_block));
  const uint32_t* weights = w.words(panel);
  // The last inputs of the panel, filled up with zeros to a tile.
  const int64_t words = w.words_per_output(), whole = words / kTileWords, rest = words - whole * kTileWords;
  alignas(64) uint32_t last[kStep];
  if (rest > 0) {
    std::memcpy(last, weights + whole * kStep, rest * kPanel * 4);
    std::memset(last + rest * kPanel, 0, (kTileWords - rest) * kPanel * 4);
  }
  const float* scales = std::is_same_v<Sum, int32_t> ? w.scales() + output : nullptr;
  const int32_t* offsets = std::is_same_v<Sum, int32_t> ? w.offsets() + output : nullptr;
  if (bias != nullptr) bias += output;
  const Configuration configuration;
  tile_configure(&configuration);
  alignas(64) Sum sums[32 * 32];
  auto put = [&](int64_t row, int64_t rows, int64_t column, int64_t stride) {
    const int64_t some = std::min(stride, columns - column);
    for (int64_t r = 0; r < rows; r++) {
      float* to = c + (row - first + r) * c_stride + column;
      const Sum* from = sums + r * stride;
      if constexpr (std::is_same_v<Sum, int32_t>) {
        // x holds 128 more than it means; see int8_to_float.
        const float scale = x.scales()[row + r];
        for (int64_t j = 0; j < some; j++)
          to[j] = static_cast<float>(from[j] - offsets[column + j]) * (scale * scales[column + j]);
      } else {
        std::memcpy(to, from, some * sizeof(float));
      }
      if (bias != nullptr)
        for (int64_t j = 0; j < some; j++) to[j] += bias[column + j];
    }
  };
  const int64_t pairs_of_rows = end - first > kTileRows ? (end - first + kTileRows - 1) / 32 * 32 : 0;
  for (int64_t column = 0; column < columns; column += 32) {
    for (int64_t row = first; row < first + pairs_of_rows; row += 32) {
      multiply_tiles(x, row, weights + column, last + column, whole, sums);
      put(row, std::min<int64_t>(32, end - row), column, 32);
    }
  }
  if (const int64_t row = first + pairs_of_rows; row < end) {
    // A small W stays in the cache. After the last panel of a thread its first weights are asked for once more.
    constexpr int64_t kStays = 1 << 20;
    const int64_t next = panel + x.next_panel;
    const uint32_t* after =
        w.bytes() <= kStays || x.next_panel == 0 ? nullptr : w.words(next < w.panels() ? next : panel);
    multiply_panel(x, row, weights, last, whole, after, sums);
    put(row, end - row, 0, kPanel);
  }
  tile_release();
}

}  // namespace

void multiply(const Operand& x, int64_t first_block, int64_t end_block, const srmk_matrix& w, int64_t panel,
              const float* bias, float* c, int64_t c_stride) {
  multiply_rows<float>(x, first_block, end_block, w, panel, bias, c, c_stride);
}

void multiply_int8(const Operand& x, int64_t first_block, int64_t end_block, const srmk_matrix& w, int64_t panel,
                   const float* bias, float* c, int64_t c_stride) {
  multiply_rows<int32_t>(x, first_block, end_block, w, panel, bias, c, c_stride);
}

}  // namespace srm::amx_bf16
#pragma GCC pop_options
#endif
