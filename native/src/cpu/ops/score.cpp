#include "cpu/ops.h"

#define SRM_KERNEL_FILE "cpu/ops/score_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

using ScoreDotsFn = void (*)(Rows x, int64_t first, int64_t count, Rows w, int64_t first_column, int64_t columns,
                             double* sums);

// Slowest first; the last one this CPU can run is the default.
constexpr std::array kScoreVariants = {
    Variant<ScoreDotsFn>{"scalar", Cpu::kAny, scalar::score_dots},
#if defined(__x86_64__)
    Variant<ScoreDotsFn>{"avx2", Cpu::kAvx2, avx2::score_dots},
    Variant<ScoreDotsFn>{"avx512", Cpu::kAvx512, avx512::score_dots},
#endif
};
constexpr auto kScoreInfos = infos(kScoreVariants);

// Rows of one task, and the most dot products of each at a time: directions, or hidden units.
constexpr int64_t kRows = 4, kDots = 64;

bool is_finite(const float* values, int64_t count) {
  uint32_t most = 0;
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    std::memcpy(&bits, values + i, sizeof(bits));
    most = std::max(most, bits & 0x7fffffffu);
  }
  return most < 0x7f800000u;
}

// v = directions · z, rounded to f32.
void project(srmk_backend& backend, ScoreDotsFn dots, Rows z, Rows directions, Rows v) {
  int64_t row_blocks = (z.rows + kRows - 1) / kRows;
  int64_t width = std::min(kDots, (grain(directions.rows, std::min(kRows, z.rows) * z.columns) + 3) / 4 * 4);
  int64_t parts = (directions.rows + width - 1) / width;
  backend.pool.run(row_blocks * parts, [&](int64_t task, int worker) {
    int64_t first = task / parts * kRows, count = std::min(kRows, z.rows - first);
    int64_t start = task % parts * width, columns = std::min(width, directions.rows - start);
    auto* sums = backend.worker_scratch[worker].get<double>(kRows * kDots);
    dots(z, first, count, directions, start, columns, sums);
    for (int64_t r = 0; r < count; r++)
      for (int64_t c = 0; c < columns; c++) v.row(first + r)[start + c] = static_cast<float>(sums[r * columns + c]);
  });
}

// The hidden units of one head on some rows, added up in their order.
void score_head(ScoreDotsFn dots, Rows v, int64_t first, int64_t count, Rows w1, const float* b1, const float* w2,
                float b2, double* sums, double* scores) {
  std::fill(scores, scores + count, static_cast<double>(b2));
  for (int64_t start = 0; start < w1.rows; start += kDots) {
    int64_t units = std::min(kDots, w1.rows - start);
    dots(v, first, count, w1, start, units, sums);
    for (int64_t r = 0; r < count; r++)
      for (int64_t u = 0; u < units; u++) {
        double pre = sums[r * units + u] + static_cast<double>(b1[start + u]);
        if (pre > 0.0) scores[r] += static_cast<double>(w2[start + u]) * pre;
      }
  }
}

}  // namespace

VariantList score_variants() { return {kScoreInfos.data(), static_cast<int>(kScoreInfos.size())}; }

void score(srmk_backend& backend, Rows z, const ScoreHeads& heads, Rows scores) {
  int64_t count_heads = scores.columns, inputs = heads.w1.columns, hidden = heads.b1.columns;
  auto dots = kScoreVariants[backend.selected[SRMK_OP_SCORE]].run;
  Rows v = z;
  if (heads.directions.data != nullptr) {
    v = {backend.shared_scratch.get<float>(z.rows * inputs), z.rows, inputs, inputs};
    project(backend, dots, z, heads.directions, v);
  }
  // As many blocks of rows as make a task worth sharing out: all heads of a block follow each other.
  int64_t block = kRows * grain((z.rows + kRows - 1) / kRows, kRows * hidden * inputs * count_heads);
  backend.pool.run((z.rows + block - 1) / block, [&](int64_t task, int worker) {
    auto* sums = backend.worker_scratch[worker].get<double>(kRows * kDots);
    int64_t end = std::min(z.rows, (task + 1) * block);
    for (int64_t first = task * block; first < end; first += kRows) {
      int64_t count = std::min(kRows, end - first);
      double totals[kRows];
      for (int64_t h = 0; h < count_heads; h++) {
        Rows w1 = {heads.w1.row(h * hidden), hidden, inputs, heads.w1.stride};
        score_head(dots, v, first, count, w1, heads.b1.row(h), heads.w2.row(h), heads.b2.data[h], sums, totals);
        for (int64_t r = 0; r < count; r++) scores.row(first + r)[h] = static_cast<float>(totals[r]);
      }
      for (int64_t r = first; r < first + count; r++)
        if (!is_finite(z.row(r), z.columns))
          std::fill(scores.row(r), scores.row(r) + count_heads, std::numeric_limits<float>::quiet_NaN());
    }
  });
}

}  // namespace srm
