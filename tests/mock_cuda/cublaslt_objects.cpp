// Handles and descriptions of cuBLASLt, with the arguments that cublasLt.h lists.
#include "cublaslt.h"

using namespace cublaslt;
using mock::state;

namespace cublaslt {

Status enter(const char* function, bool needs_context) {
  CUresult result = mock::enter(function, needs_context);
  return result >= kNoDevice ? kExecutionFailed : result;  // where the driver fails, the library does
}

Object* find_object(void* object) {
  return state().library_objects.count(object) ? static_cast<Object*>(object) : nullptr;
}

bool shape_of(const Description& product, void* a, void* b, void* c, void* d, Shape& shape, const char* function) {
  const Layout *la = find<Layout>(a, function), *lb = find<Layout>(b, function);
  const Layout *lc = find<Layout>(c, function), *ld = find<Layout>(d, function);
  if (la == nullptr || lb == nullptr || lc == nullptr || ld == nullptr) return false;
  const char* problem = nullptr;
  if (product.transpose_a != 1 || product.transpose_b != 0) problem = "not of the form aT b";
  if (la->type != kBFloat16 || lb->type != kBFloat16 || ld->type != kSingle || lc->type != ld->type) problem = "types";
  if (la->rows != lb->rows || la->columns != ld->rows || lb->columns != ld->columns) problem = "sizes";
  if (lc->rows != ld->rows || lc->columns != ld->columns || lc->stride != ld->stride) problem = "c is not as d";
  if (product.epilogue == 4 && product.bias == nullptr) problem = "a bias that is nowhere";
  if (problem != nullptr) return mock::violation("%s: %s", function, problem), false;
  auto narrow = [](auto value) { return static_cast<int32_t>(value); };
  shape = {narrow(ld->rows),   narrow(ld->columns), narrow(la->rows),     narrow(la->stride),
           narrow(lb->stride), narrow(ld->stride),  product.epilogue == 4};
  return true;
}

}  // namespace cublaslt

namespace {

template <typename T>
Status hand_out(T* made, void** object) {
  *object = static_cast<Object*>(made);
  state().library_objects.insert(*object);
  return kFine;
}

template <typename T>
Status destroy(void* object, const char* function) {
  T* found = find<T>(object, function);
  if (found == nullptr) return kBadValue;
  state().library_objects.erase(object);
  delete found;
  return kFine;
}

template <typename T>
Status set(T& field, const void* value, size_t bytes) {
  if (bytes != sizeof field)
    return mock::violation("an attribute of %zu bytes is set by %zu", sizeof field, bytes), kBadValue;
  std::memcpy(&field, value, bytes);
  return kFine;
}

}  // namespace

SRM_MOCK const char* cublasLtGetStatusName(Status status) {
  switch (status) {
    case 0: return "CUBLAS_STATUS_SUCCESS";
    case 1: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case 3: return "CUBLAS_STATUS_ALLOC_FAILED";
    case 7: return "CUBLAS_STATUS_INVALID_VALUE";
    case 13: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case 14: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case 15: return "CUBLAS_STATUS_NOT_SUPPORTED";
    default: return "unrecognized status";
  }
}

SRM_MOCK const char* cublasLtGetStatusString(Status status) {
  switch (status) {
    case 3: return "the resource allocation failed";
    case 13: return "the function failed to launch on the GPU";
    default: return "something else";
  }
}

SRM_MOCK Status cublasLtCreate(void** handle) {
  SRM_ENTER_LIBRARY(true);
  return hand_out(new Handle, handle);
}

SRM_MOCK Status cublasLtDestroy(void* handle) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  Status status = cublaslt::enter(__func__, true);
  if (mock::is_work_queued()) mock::violation("a handle of cuBLASLt is destroyed while work is queued");
  Status destroyed = destroy<Handle>(handle, __func__);
  return status == kFine ? destroyed : status;  // it goes in a lost context too
}

SRM_MOCK Status cublasLtMatmulDescCreate(void** product, int compute, int scale) {
  SRM_ENTER_LIBRARY(false);
  const int sums_in_single = 68;
  if (compute != sums_in_single || scale != kSingle)
    return mock::violation("a product of compute type %d and scale type %d", compute, scale), kBadValue;
  return hand_out(new Description, product);
}

SRM_MOCK Status cublasLtMatmulDescSetAttribute(void* product, int attribute, const void* value, size_t bytes) {
  SRM_ENTER_LIBRARY(false);
  auto* found = find<Description>(product, __func__);
  if (found == nullptr) return kBadValue;
  switch (attribute) {
    case 3: return set(found->transpose_a, value, bytes);
    case 4: return set(found->transpose_b, value, bytes);
    case 7: return set(found->epilogue, value, bytes);
    case 8: return set(found->bias, value, bytes);
    default: return mock::violation("attribute %d of a product", attribute), kBadValue;
  }
}

SRM_MOCK Status cublasLtMatmulDescDestroy(void* product) {
  SRM_ENTER_LIBRARY(false);
  return destroy<Description>(product, __func__);
}

SRM_MOCK Status cublasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  SRM_ENTER_LIBRARY(false);
  bool is_right = (type == kSingle || type == kBFloat16) && rows > 0 && columns > 0 && rows < 1u << 31 &&
                  columns < 1u << 31 && stride >= static_cast<int64_t>(rows);
  if (!is_right)
    return mock::violation("a layout of type %d, %zu x %zu, leading dimension %zd", type, rows, columns, stride),
           kBadValue;
  auto* made = new Layout;
  made->type = type;
  made->rows = rows;
  made->columns = columns;
  made->stride = stride;
  return hand_out(made, layout);
}

SRM_MOCK Status cublasLtMatrixLayoutDestroy(void* layout) {
  SRM_ENTER_LIBRARY(false);
  return destroy<Layout>(layout, __func__);
}

SRM_MOCK Status cublasLtMatmulPreferenceCreate(void** preference) {
  SRM_ENTER_LIBRARY(false);
  return hand_out(new Preference, preference);
}

SRM_MOCK Status cublasLtMatmulPreferenceSetAttribute(void* preference, int attribute, const void* value, size_t bytes) {
  SRM_ENTER_LIBRARY(false);
  auto* found = find<Preference>(preference, __func__);
  if (found == nullptr) return kBadValue;
  switch (attribute) {
    case 1: return set(found->workspace_bytes, value, bytes);
    case 5: return set(found->align_a, value, bytes);
    case 6: return set(found->align_b, value, bytes);
    case 7: return set(found->align_c, value, bytes);
    case 8: return set(found->align_d, value, bytes);
    default: return mock::violation("attribute %d of a preference", attribute), kBadValue;
  }
}

SRM_MOCK Status cublasLtMatmulPreferenceDestroy(void* preference) {
  SRM_ENTER_LIBRARY(false);
  return destroy<Preference>(preference, __func__);
}
