#include <atomic>

#include "cpu/ops.h"
#include "cpu/weight_element.h"

namespace srm {
namespace {

template <class Element>
int64_t embed_rows(srmk_backend& backend, const WeightBytes& table, const int32_t* ids, float scale, Rows y) {
  const int64_t row_bytes = y.columns * int64_t{sizeof(typename Element::Bits)};
  for (auto& scratch : backend.worker_scratch) scratch.get(static_cast<size_t>(row_bytes));
  ReadFailure failure;
  std::atomic<int64_t> bad{y.rows};
  for_row_blocks(backend, y.rows, y.columns, [&](int64_t first, int64_t count, int worker) {
    char* buffer = backend.worker_scratch[worker].get<char>(static_cast<size_t>(row_bytes));
    for (int64_t i = first; i < first + count; i++) {
      bool finite = true;
      const char* row = table.at(ids[i] * row_bytes, row_bytes, buffer, failure);
      for (int64_t j = 0; j < y.columns; j++) {
        auto bits = load_bits<Element>(row, j);
        finite &= Element::finite(bits);
        y.row(i)[j] = Element::widen(bits) * scale;
      }
      int64_t seen = bad.load();
      while (!finite && i < seen && !bad.compare_exchange_weak(seen, i)) {
      }
    }
  });
  failure.check();
  return bad < y.rows ? bad.load() : -1;
}

}  // namespace

int64_t embed(srmk_backend& backend, const WeightBytes& table, int dtype, const int32_t* ids, float scale, Rows y) {
  switch (dtype) {
    case SRMK_F32: return embed_rows<F32Element>(backend, table, ids, scale, y);
    case SRMK_BF16: return embed_rows<Bf16Element>(backend, table, ids, scale, y);
    case SRMK_F16: return embed_rows<F16Element>(backend, table, ids, scale, y);
    default: throw Error(SRMK_INVALID_ARGUMENT, "the table's element type is unknown");
  }
}

}  // namespace srm
