#include <atomic>

#include "cpu/ops.h"
#include "cpu/weight_element.h"

namespace srm {
namespace {

template <class Element>
int64_t embed_rows(srmk_backend& backend, const void* table, const int32_t* ids, float scale, Rows y) {
  std::atomic<int64_t> bad{y.rows};
  for_row_blocks(backend, y.rows, y.columns, [&](int64_t first, int64_t count, int) {
    for (int64_t i = first; i < first + count; i++) {
      bool finite = true;
      int64_t start = ids[i] * y.columns;
      for (int64_t j = 0; j < y.columns; j++) {
        auto bits = load_bits<Element>(table, start + j);
        finite &= Element::finite(bits);
        y.row(i)[j] = Element::widen(bits) * scale;
      }
      int64_t seen = bad.load();
      while (!finite && i < seen && !bad.compare_exchange_weak(seen, i)) {
      }
    }
  });
  return bad < y.rows ? bad.load() : -1;
}

}  // namespace

int64_t embed(srmk_backend& backend, const void* table, int dtype, const int32_t* ids, float scale, Rows y) {
  switch (dtype) {
    case SRMK_F32: return embed_rows<F32Element>(backend, table, ids, scale, y);
    case SRMK_BF16: return embed_rows<Bf16Element>(backend, table, ids, scale, y);
    case SRMK_F16: return embed_rows<F16Element>(backend, table, ids, scale, y);
    default: throw Error(SRMK_INVALID_ARGUMENT, "the table's element type is unknown");
  }
}

}  // namespace srm
