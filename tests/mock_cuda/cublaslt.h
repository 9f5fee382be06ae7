// What the mock cuBLASLt knows: handles, descriptions of products and matrices, preferences. All live on the host.
#pragma once
#include "state.h"

namespace cublaslt {

using Status = int;
inline constexpr Status kFine = 0, kBadValue = 7, kExecutionFailed = 13;
inline constexpr int kSingle = 0, kBFloat16 = 14;

struct Object {
  virtual ~Object() = default;
};

struct Handle : Object {};

struct Description : Object {
  int transpose_a = 0, transpose_b = 0;
  unsigned epilogue = 1;
  const float* bias = nullptr;
};

// Columns of `rows` elements, `stride` elements from column to column.
struct Layout : Object {
  int type = 0;
  uint64_t rows = 0, columns = 0;
  int64_t stride = 0;
};

struct Preference : Object {
  uint64_t workspace_bytes = 0;
  uint32_t align_a = 256, align_b = 256, align_c = 256, align_d = 256;
};

// d [m, n] = aT b + bias with a [k, m], b [k, n], all by columns.
struct Shape {
  int32_t m, n, k, lda, ldb, ldd, has_bias;
  bool operator==(const Shape&) const = default;
};

// Counts the call; the injected status, or the one for a missing or lost context, else kFine.
Status enter(const char* function, bool needs_context);

// The live object, or null.
Object* find_object(void* object);

// The live object of that kind, or null and a note.
template <typename T>
T* find(void* object, const char* function) {
  T* found = dynamic_cast<T*>(find_object(object));
  if (found == nullptr) mock::violation("%s: an argument is no live object of the kind that it takes", function);
  return found;
}

// Whether these describe a product that is computed here; if not, there is a note.
bool shape_of(const Description& product, void* a, void* b, void* c, void* d, Shape& shape, const char* function);

}  // namespace cublaslt

#define SRM_ENTER_LIBRARY(needs_context)                           \
  std::lock_guard<std::recursive_mutex> lock(mock::state().mutex); \
  if (cublaslt::Status status = cublaslt::enter(__func__, needs_context)) return status
