#include "cpu/ops/matmul_amx.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,amx-tile,amx-bf16")
#include "cpu/simd/amx.h"

// Every tile is 16 rows of 64 bytes. Two tiles of x (32 rows) and two of w (32 outputs) feed four of sums, so that each
// loaded tile is used twice. A panel of w, [inputs/2][64][2], is what the right-hand tile wants as it lies.
namespace srm::amx_bf16 {
namespace {

constexpr int64_t kTileRows = 16, kTilePairs = 16, kTileOutputs = 16;

struct alignas(64) Configuration {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// sums [32][32] of rows [row, row + 32) of x and 32 outputs, of which b points to the first.
void multiply_tiles(const Operand& x, int64_t row, const uint32_t* b, const uint32_t* last_b, int64_t whole,
                    float* sums) {
  tile_zero(0);
  tile_zero(1);
  tile_zero(2);
  tile_zero(3);
  const int64_t width = x.width(), steps = width / kTilePairs;
  const uint32_t* a = x.data + row * width;
  for (int64_t step = 0; step < steps; step++, a += kTilePairs) {
    const uint32_t* from = step < whole ? b + step * kTilePairs * kPanel : last_b;
    tile_load(4, a, width * 4);
    tile_load(5, a + kTileRows * width, width * 4);
    tile_load(6, from, kPanel * 4);
    tile_load(7, from + kTileOutputs, kPanel * 4);
    tile_dot(0, 4, 6);
    tile_dot(1, 4, 7);
    tile_dot(2, 5, 6);
    tile_dot(3, 5, 7);
  }
  tile_store(0, sums, 32 * 4);
  tile_store(1, sums + kTileOutputs, 32 * 4);
  tile_store(2, sums + kTileRows * 32, 32 * 4);
  tile_store(3, sums + kTileRows * 32 + kTileOutputs, 32 * 4);
}

// Weights that are read kAhead steps after these. Whoever reads them for few rows waits for memory, which tiles do not
// ask for by themselves.
constexpr int64_t kAhead = 4;
void ask_for(const uint32_t* weights) {
  const uint32_t* from = weights + kAhead * kTilePairs * kPanel;
  for (int64_t i = 0; i < kTilePairs * kPanel; i += 16)
    _mm_prefetch(reinterpret_cast<const char*>(from + i), _MM_HINT_T0);
}

// sums [16][64] of rows [row, row + 16) of x and all outputs of a panel: a dot waits for the one before it into the
// same sums, so few rows have four of them under way, and the panel is read from front to back.
void multiply_panel(const Operand& x, int64_t row, const uint32_t* b, const uint32_t* last_b, int64_t whole,
                    const uint32_t* after, float* sums) {
  tile_zero(0);
  tile_zero(1);
  tile_zero(2);
  tile_zero(3);
  const int64_t width = x.width(), steps = width / kTilePairs;
  const uint32_t* a = x.data + row * width;
  for (int64_t step = 0; step < steps; step++, a += kTilePairs) {
    const uint32_t* from = step < whole ? b + step * kTilePairs * kPanel : last_b;
    if (after != nullptr) ask_for(step + kAhead < whole ? from : after - (whole - step) * kTilePairs * kPanel);
    tile_load(4, a, width * 4);
    tile_load(5, from, kPanel * 4);
    tile_load(6, from + kTileOutputs, kPanel * 4);
    tile_dot(0, 4, 5);
    tile_dot(1, 4, 6);
    tile_load(7, from + 2 * kTileOutputs, kPanel * 4);
    tile_load(5, from + 3 * kTileOutputs, kPanel * 4);
    tile_dot(2, 4, 7);
    tile_dot(3, 4, 5);
  }
  tile_store(0, sums, kPanel * 4);
  tile_store(1, sums + kTileOutputs, kPanel * 4);
  tile_store(2, sums + 2 * kTileOutputs, kPanel * 4);
  tile_store(3, sums + 3 * kTileOutputs, kPanel * 4);
}

}  // namespace

void multiply(const Operand& x, int64_t first_block, int64_t end_block, const srmk_matrix& w, int64_t panel,
              const float* bias, float* c, int64_t c_stride) {
  const Configuration configuration;
  tile_configure(&configuration);
  const int64_t output = panel * kPanel, columns = std::min(kPanel, w.outputs - output);
  const int64_t first = x.first_row(first_block), end = std::min(x.rows, x.first_row(end_block));
  // The last inputs of the panel, filled up with zeros to a tile.
  const int64_t pairs = w.padded_inputs() / 2, whole = pairs / kTilePairs, rest = pairs - whole * kTilePairs;
  alignas(64) uint32_t last[kTilePairs * kPanel];
  if (rest > 0) {
    std::memcpy(last, w.pairs(panel) + whole * kTilePairs * kPanel, rest * kPanel * 4);
    std::memset(last + rest * kPanel, 0, (kTilePairs - rest) * kPanel * 4);
  }
  alignas(64) float sums[32 * 32];
  auto put = [&](int64_t row, int64_t rows, int64_t column, int64_t stride) {
    const int64_t some = std::min(stride, columns - column);
    for (int64_t r = 0; r < rows; r++) {
      float* to = c + (row - first + r) * c_stride + column;
      for (int64_t j = 0; j < some; j++)
        to[j] = sums[r * stride + j] + (bias == nullptr ? 0.0f : bias[output + column + j]);
    }
  };
  const int64_t pairs_of_rows = end - first > kTileRows ? (end - first + kTileRows - 1) / 32 * 32 : 0;
  for (int64_t column = 0; column < columns; column += 32) {
    for (int64_t row = first; row < first + pairs_of_rows; row += 32) {
      multiply_tiles(x, row, w.pairs(panel) + column, last + column, whole, sums);
      put(row, std::min<int64_t>(32, end - row), column, 32);
    }
  }
  if (const int64_t row = first + pairs_of_rows; row < end) {
    // A small W stays in the cache. After the last panel of a thread its first weights are asked for once more.
    constexpr int64_t kStays = 1 << 20;
    const int64_t next = panel + x.next_panel;
    const uint32_t* after =
        w.bytes() <= kStays || x.next_panel == 0 ? nullptr : w.pairs(next < w.panels() ? next : panel);
    multiply_panel(x, row, w.pairs(panel), last, whole, after, sums);
    put(row, end - row, 0, kPanel);
  }
  tile_release();
}

}  // namespace srm::amx_bf16
#pragma GCC pop_options
#endif
