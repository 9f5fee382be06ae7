#include "backend.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "operand.h"

namespace srm {
namespace {
constexpr size_t kHugePage = size_t{2} << 20;
}

void* allocate_aligned(size_t bytes) {
  size_t alignment = bytes >= 4 * kHugePage ? kHugePage : 64;
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, std::max<size_t>(bytes, 1)) != 0) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
  // Whole ones only: a huge page that the block ends in would be resident to its end, a megabyte for each matrix.
  if (alignment == kHugePage) madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return memory;
}

void free_aligned(void* memory) { std::free(memory); }

void Scratch::Free::operator()(void* p) const { free_aligned(p); }

void* Scratch::get(size_t bytes) {
  if (bytes > capacity_) {
    memory_.reset();
    capacity_ = 0;
    memory_.reset(allocate_aligned(bytes));
    capacity_ = bytes;
  }
  return memory_.get();
}

Rows resolve(const srmk_tensor* t) {
  require(t != nullptr && t->buffer != nullptr, "a tensor has no buffer");
  bool fits = t->offset >= 0 && t->rows >= 0 && t->columns >= 0 && t->row_stride >= t->columns &&
              (t->rows == 0 || t->offset + (t->rows - 1) * t->row_stride + t->columns <= t->buffer->length);
  require(fits, "a tensor reaches outside its buffer");
  return {t->buffer->data + t->offset, t->rows, t->columns, t->row_stride};
}

Operand resolve(const srmk_operand* o) {
  require(o != nullptr && o->buffer != nullptr, "an operand has no buffer");
  require(o->compute == SRMK_F32 || o->compute == SRMK_BF16 || o->compute == SRMK_I8,
          "an operand is f32, bf16 or int8");
  bool fits = o->rows >= 0 && o->columns >= 0 && o->rows * (o->columns + 1) <= o->buffer->length;
  require(fits, "an operand reaches outside its buffer");
  return {reinterpret_cast<uint32_t*>(o->buffer->data), o->rows, o->columns, static_cast<int32_t>(o->compute),
          o->compute == SRMK_BF16 && o->buffer->widened};
}

Operand resolve_output(const srmk_operand* o, bool widened) {
  Operand resolved = resolve(o);
  resolved.widened = o->buffer->widened = widened && o->compute == SRMK_BF16;
  return resolved;
}

int64_t grain(int64_t units, int64_t elements_per_unit) {
  constexpr int64_t kElements = 32768;
  return std::clamp<int64_t>(kElements / std::max<int64_t>(elements_per_unit, 1), 1, std::max<int64_t>(units, 1));
}

}  // namespace srm
