#include "cpu/ops.h"

namespace srm {
// Rows of one task, and the most dot products of each at a time: directions, or hidden units. A multiple of 3 and of 4,
// the columns of a tile, whose parts stay in the first-level cache.
inline constexpr int64_t kScoreRows = 8, kScoreDots = 48;
}  // namespace srm

#define SRM_KERNEL_FILE "cpu/ops/score_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {
namespace {

using ScoreDotsFn = void (*)(Rows x, int64_t first, int64_t count, Rows w, int64_t first_column, int64_t columns,
                             double* sums);
using ScoreUnitsFn = void (*)(const double* sums, int64_t units, const float* b1, const float* w2, double* scores);

struct ScoreKernel {
  ScoreDotsFn dots;
  ScoreUnitsFn units;
};

// Slowest first; the last one this CPU can run is the default.
constexpr std::array kScoreVariants = {
    Variant<ScoreKernel>{"scalar", Cpu::kAny, {scalar::score_dots, scalar::score_units}},
#if defined(__x86_64__)
    Variant<ScoreKernel>{"avx2", Cpu::kAvx2, {avx2::score_dots, avx2::score_units}},
    Variant<ScoreKernel>{"avx512", Cpu::kAvx512, {avx512::score_dots, avx512::score_units}},
#endif
};
constexpr auto kScoreInfos = infos(kScoreVariants);

// Products that cost as much as one element of what other ops read and write: see grain.
constexpr int64_t kAtOnce = 8;

bool is_finite(const float* values, int64_t count) {
  uint32_t most = 0;
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    std::memcpy(&bits, values + i, sizeof(bits));
    most = std::max(most, bits & 0x7fffffffu);
  }
  return most < 0x7f800000u;
}

// v = directions · z, rounded to f32. Tasks that follow each other share their directions, which stay in the second
// cache while they are swept over the rows.
void project(srmk_backend& backend, ScoreDotsFn dots, Rows z, Rows directions, Rows v) {
  constexpr int64_t kTasksOfThread = 8;  // enough that none waits long for another
  const int64_t row_blocks = (z.rows + kScoreRows - 1) / kScoreRows;
  const int64_t shared = directions.rows * row_blocks / (kTasksOfThread * backend.pool.threads());
  const int64_t worth = grain(directions.rows, std::min(kScoreRows, z.rows) * z.columns / kAtOnce);
  const int64_t width = std::min(kScoreDots, (std::max(shared, worth) + 11) / 12 * 12);
  const int64_t parts = (directions.rows + width - 1) / width;
  backend.pool.run(row_blocks * parts, [&](int64_t task, int worker) {
    int64_t first = task % row_blocks * kScoreRows, count = std::min(kScoreRows, z.rows - first);
    int64_t start = task / row_blocks * width, columns = std::min(width, directions.rows - start);
    auto* sums = backend.worker_scratch[worker].get<double>(kScoreRows * kScoreDots);
    dots(z, first, count, directions, start, columns, sums);
    for (int64_t r = 0; r < count; r++)
      for (int64_t c = 0; c < columns; c++) v.row(first + r)[start + c] = static_cast<float>(sums[c * kScoreRows + r]);
  });
}

// The hidden units of one head on some rows, added up in their order. What sums holds of other rows says nothing.
void score_head(const ScoreKernel& kernel, Rows v, int64_t first, int64_t count, Rows w1, const float* b1,
                const float* w2, float b2, double* sums, double* scores) {
  std::fill(scores, scores + kScoreRows, static_cast<double>(b2));
  for (int64_t start = 0; start < w1.rows; start += kScoreDots) {
    int64_t units = std::min(kScoreDots, w1.rows - start);
    kernel.dots(v, first, count, w1, start, units, sums);
    kernel.units(sums, units, b1 + start, w2 + start, scores);
  }
}

}  // namespace

VariantList score_variants() { return {kScoreInfos.data(), static_cast<int>(kScoreInfos.size())}; }

void score(srmk_backend& backend, Rows z, const ScoreHeads& heads, Rows scores) {
  int64_t count_heads = scores.columns, inputs = heads.w1.columns, hidden = heads.b1.columns;
  const ScoreKernel& kernel = kScoreVariants[backend.selected[SRMK_OP_SCORE]].run;
  Rows v = z;
  if (heads.directions.data != nullptr) {
    v = {backend.shared_scratch.get<float>(z.rows * inputs), z.rows, inputs, inputs};
    project(backend, kernel.dots, z, heads.directions, v);
  }
  // As many blocks of rows as make a task worth sharing out: all heads of a block follow each other.
  int64_t block =
      kScoreRows * grain((z.rows + kScoreRows - 1) / kScoreRows, kScoreRows * hidden * inputs * count_heads / kAtOnce);
  backend.pool.run((z.rows + block - 1) / block, [&](int64_t task, int worker) {
    auto* sums = backend.worker_scratch[worker].get<double>(kScoreRows * kScoreDots);
    std::fill(sums, sums + kScoreRows * kScoreDots, 0.0);
    int64_t end = std::min(z.rows, (task + 1) * block);
    for (int64_t first = task * block; first < end; first += kScoreRows) {
      int64_t count = std::min(kScoreRows, end - first);
      double totals[kScoreRows];
      for (int64_t h = 0; h < count_heads; h++) {
        Rows w1 = {heads.w1.row(h * hidden), hidden, inputs, heads.w1.stride};
        score_head(kernel, v, first, count, w1, heads.b1.row(h), heads.w2.row(h), heads.b2.data[h], sums, totals);
        for (int64_t r = 0; r < count; r++) scores.row(first + r)[h] = static_cast<float>(totals[r]);
      }
      for (int64_t r = first; r < first + count; r++)
        if (!is_finite(z.row(r), z.columns))
          std::fill(scores.row(r), scores.row(r) + count_heads, std::numeric_limits<float>::quiet_NaN());
    }
  });
}

}  // namespace srm
