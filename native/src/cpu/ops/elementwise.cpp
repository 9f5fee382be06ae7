// Add, GatherRows, MeanRows: memory sets their pace, so the compiler's baseline code is all they need.
#include <algorithm>
#include <cstring>

#include "cpu/ops.h"

namespace srm {

void add(srmk_backend& backend, Rows a, Rows b, Rows y) {
  for_row_blocks(backend, y.rows, y.columns, [&](int64_t first, int64_t count, int) {
    for (int64_t i = first; i < first + count; i++)
      for (int64_t j = 0; j < y.columns; j++) y.row(i)[j] = a.row(i)[j] + b.row(i)[j];
  });
}

void gather_rows(srmk_backend& backend, Rows x, const int32_t* rows, Rows y) {
  for_row_blocks(backend, y.rows, y.columns, [&](int64_t first, int64_t count, int) {
    for (int64_t i = first; i < first + count; i++) std::memcpy(y.row(i), x.row(rows[i]), y.columns * sizeof(float));
  });
}

void mean_rows(srmk_backend& backend, Rows x, const int32_t* starts, Rows y) {
  constexpr int64_t kColumns = 256;  // sums in f64 on the stack
  int64_t blocks = (y.columns + kColumns - 1) / kColumns;
  int64_t length = y.rows == 0 ? 1 : (starts[y.rows] - starts[0]) / y.rows + 1;
  int64_t tasks = y.rows * blocks;
  int64_t batch = grain(tasks, length * kColumns);
  backend.pool.run((tasks + batch - 1) / batch, [&](int64_t group, int) {
    for (int64_t task = group * batch; task < std::min(tasks, (group + 1) * batch); task++) {
      int64_t i = task / blocks, at = task % blocks * kColumns, n = std::min(kColumns, y.columns - at);
      double sums[kColumns] = {};
      for (int64_t row = starts[i]; row < starts[i + 1]; row++)
        for (int64_t j = 0; j < n; j++) sums[j] += x.row(row)[at + j];
      for (int64_t j = 0; j < n; j++) y.row(i)[at + j] = static_cast<float>(sums[j] / (starts[i + 1] - starts[i]));
    }
  });
}

}  // namespace srm
