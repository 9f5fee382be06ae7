// The C boundary: every function resolves its operands, calls one op and turns what is thrown into a status.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

#include "cpu/ops.h"
#include "cpu/own_kernel.h"
#include "probe.h"
#include "registry.h"

namespace {

thread_local std::string g_last_error;

template <class Body>
srmk_status guarded(Body&& body) noexcept {
  try {
    body();
    return SRMK_OK;
  } catch (const srm::Error& e) {
    g_last_error = e.what();
    return e.status;
  } catch (const std::bad_alloc&) {
    g_last_error = "out of memory";
    return SRMK_OUT_OF_MEMORY;
  } catch (const std::exception& e) {
    g_last_error = e.what();
    return SRMK_INTERNAL;
  }
}

/// One call of a backend. Its scratch memory, the SAE's result and the pool's run belong to one call at a time: a
/// second thread's is refused, since a lock would still let one caller's call come between two that belong together.
class Turn {
 public:
  explicit Turn(srmk_backend& backend) : busy_(backend.busy) {
    if (busy_.exchange(true, std::memory_order_acquire))
      throw srm::Error(SRMK_BUSY,
                       "another thread is in a call of this backend, which serves one thread at a time; open a backend "
                       "for each thread, or let them take turns");
  }
  ~Turn() { busy_.store(false, std::memory_order_release); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::atomic<bool>& busy_;
};

template <class Body>
srmk_status guarded(srmk_backend* backend, Body&& body) noexcept {
  return guarded([&] {
    Turn turn(*backend);
    body();
  });
}

/// What an op writes for the products that follow.
srm::Operand made(const srmk_backend& backend, const srmk_operand* y) {
  return srm::resolve_output(y, !srm::multiplies_pairs(backend));
}

void report_finite(int64_t bad, int64_t* bad_element) {
  if (bad < 0) return;
  *bad_element = bad;
  throw srm::Error(SRMK_NON_FINITE, "a weight is not finite");
}

}  // namespace

int32_t srmk_abi_version(void) { return SRMK_ABI_VERSION; }
int64_t srmk_sizeof_tensor(void) { return sizeof(srmk_tensor); }
int64_t srmk_sizeof_operand(void) { return sizeof(srmk_operand); }
int64_t srmk_sizeof_product(void) { return sizeof(srmk_product); }
int64_t srmk_sizeof_segment(void) { return sizeof(srmk_segment); }
int64_t srmk_sizeof_attention_options(void) { return sizeof(srmk_attention_options); }
int64_t srmk_sizeof_sae_gate(void) { return sizeof(srmk_sae_gate); }
const char* srmk_last_error(void) { return g_last_error.c_str(); }

srmk_status srmk_backend_open(const char* device, int32_t threads, srmk_backend** backend) {
  return guarded([&] {
    if (std::strcmp(device, "cpu") != 0)
      throw srm::Error(SRMK_UNSUPPORTED, std::string("no device is named \"") + device + "\"; there is: cpu");
    srm::require(threads >= 0 && threads <= 1024, "the number of threads must lie between 0 (all processors) and 1024");
    auto opened = std::make_unique<srmk_backend>(threads);
    srm::select_defaults(*opened);
    *backend = opened.release();
  });
}

void srmk_backend_close(srmk_backend* backend) { delete backend; }

srmk_status srmk_backend_describe(srmk_backend* backend, char* text, int64_t capacity) {
  return guarded([&] {
    std::snprintf(text, static_cast<size_t>(capacity), "cpu: %d thread%s, %s", backend->pool.threads(),
                  backend->pool.threads() == 1 ? "" : "s", srm::supported_names().c_str());
  });
}

srmk_status srmk_buffer_alloc(srmk_backend*, int64_t length, srmk_buffer** buffer) {
  return guarded([&] {
    srm::require(length >= 0, "a buffer's length must not be negative");
    if (length > std::numeric_limits<int64_t>::max() / 8) throw std::bad_alloc();
    auto made = std::make_unique<srmk_buffer>();
    made->length = length;
    made->data = static_cast<float*>(srm::allocate_aligned(length * sizeof(float)));
    *buffer = made.release();
  });
}

void srmk_buffer_free(srmk_buffer* buffer) {
  if (buffer == nullptr) return;
  srm::free_aligned(buffer->data);
  delete buffer;
}

srmk_status srmk_upload(srmk_backend*, const float* source, const srmk_tensor* destination) {
  return guarded([&] {
    srm::Rows to = srm::resolve(destination);
    for (int64_t i = 0; i < to.rows; i++) std::memcpy(to.row(i), source + i * to.columns, to.columns * sizeof(float));
  });
}

srmk_status srmk_download(srmk_backend*, const srmk_tensor* source, float* destination) {
  return guarded([&] {
    srm::Rows from = srm::resolve(source);
    for (int64_t i = 0; i < from.rows; i++)
      std::memcpy(destination + i * from.columns, from.row(i), from.columns * sizeof(float));
  });
}

srmk_status srmk_matrix_create(srmk_backend*, int64_t outputs, int64_t inputs, int32_t compute, int32_t storage,
                               srmk_matrix** matrix) {
  return guarded([&] {
    constexpr int64_t kMost = int64_t{1} << 31;
    srm::require(outputs >= 0 && inputs > 0 && outputs < kMost && inputs < kMost, "a matrix's shape is out of range");
    srm::require(compute == SRMK_F32 || compute == SRMK_BF16 || compute == SRMK_I8, "f32, bf16 and int8 alone");
    srm::require(compute == storage || (compute == SRMK_F32 && storage == SRMK_BF16),
                 "a matrix is stored in the type that it computes in; bf16 also serves f32");
    // Products of up to 255 * 127 are summed in 32 bits.
    constexpr int64_t kMostInt8 = 66304;
    srm::require(compute != SRMK_I8 || inputs <= kMostInt8, "a matrix in int8 has at most 66,304 inputs");
    auto made = std::make_unique<srmk_matrix>(srmk_matrix{outputs, inputs, compute, storage, nullptr});
    made->data = srm::allocate_aligned(static_cast<size_t>(made->bytes()));
    made->clear_padding();
    *matrix = made.release();
  });
}

srmk_status srmk_matrix_pack(srmk_backend* backend, srmk_matrix* matrix, const void* source, int32_t dtype,
                             int32_t transposed, int64_t output_start, int64_t part_outputs, int64_t first_row,
                             int64_t row_count, int64_t* bad_element) {
  return guarded(backend, [&] {
    report_finite(srm::pack_weights(*backend, *matrix, source, dtype, transposed != 0, output_start, part_outputs,
                                    first_row, row_count),
                  bad_element);
  });
}

int64_t srmk_matrix_bytes(const srmk_matrix* matrix) { return matrix->bytes(); }

void srmk_matrix_free(srmk_matrix* matrix) {
  if (matrix == nullptr) return;
  srm::free_aligned(matrix->data);
  delete matrix;
}

srmk_status srmk_load_vector(srmk_backend*, const void* source, int32_t dtype, int64_t count, srmk_buffer* destination,
                             int64_t start, int64_t* bad_element) {
  return guarded([&] {
    srm::require(count >= 0 && start >= 0 && count <= destination->length - start,
                 "a vector reaches outside its buffer");
    report_finite(srm::load_vector(source, dtype, count, destination->data + start), bad_element);
  });
}

void srmk_expect_pages(const void* start, int64_t bytes) {
  constexpr uintptr_t kStep = uintptr_t{256} << 10;  // of a longer request the system may take only the beginning
  auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  uintptr_t at = reinterpret_cast<uintptr_t>(start), end = at + static_cast<uintptr_t>(bytes);
  for (at = at / page * page; at < end; at += kStep)
    madvise(reinterpret_cast<void*>(at), std::min(kStep, end - at), MADV_WILLNEED);
}

void srmk_release_pages(const void* start, int64_t bytes) {
  // Only whole pages inside the range: its ends may share a page with a neighbour that is in use.
  auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  uintptr_t first = (reinterpret_cast<uintptr_t>(start) + page - 1) / page * page,
            end = (reinterpret_cast<uintptr_t>(start) + bytes) / page * page;
  if (end > first) madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

srmk_status srmk_embed(srmk_backend* backend, const void* table, int32_t dtype, const int32_t* ids, float scale,
                       const srmk_tensor* y, int64_t* bad_element) {
  return guarded(backend,
                 [&] { report_finite(srm::embed(*backend, table, dtype, ids, scale, srm::resolve(y)), bad_element); });
}

srmk_status srmk_rms_norm(srmk_backend* backend, const srmk_tensor* x, const srmk_tensor* weight, float eps,
                          float unit_offset, const srmk_tensor* y) {
  return guarded(backend, [&] {
    srm::rms_norm(*backend, srm::resolve(x), srm::resolve(weight), eps, unit_offset, srm::resolve(y));
  });
}

srmk_status srmk_add_rms_norm(srmk_backend* backend, const srmk_tensor* residual, const srmk_tensor* delta,
                              const srmk_tensor* delta_weight, const srmk_tensor* weight, float eps, float unit_offset,
                              const srmk_operand* y) {
  return guarded(backend, [&] {
    auto optional = [](const srmk_tensor* tensor) { return tensor == nullptr ? srm::Rows{} : srm::resolve(tensor); };
    srm::add_rms_norm(*backend, srm::resolve(residual), optional(delta), optional(delta_weight).data,
                      srm::resolve(weight).data, eps, unit_offset, made(*backend, y));
  });
}

srmk_status srmk_pack(srmk_backend* backend, const srmk_tensor* x, const srmk_operand* y) {
  return guarded(backend, [&] { srm::pack(*backend, srm::resolve(x), made(*backend, y)); });
}

srmk_status srmk_matmul(srmk_backend* backend, const srmk_operand* x, const srmk_product* products,
                        int64_t product_count) {
  return guarded(backend, [&] {
    constexpr int64_t kMost = 4;
    srm::require(product_count >= 0 && product_count <= kMost, "at most four products of one operand");
    srm::MatMulOutput outputs[kMost];
    for (int64_t i = 0; i < product_count; i++) {
      const float* bias = products[i].bias == nullptr ? nullptr : srm::resolve(products[i].bias).data;
      outputs[i] = {products[i].w, bias, srm::resolve(&products[i].y)};
    }
    srm::matmul(*backend, srm::resolve(x), outputs, product_count);
  });
}

srmk_status srmk_gated_matmul(srmk_backend* backend, const srmk_operand* x, const srmk_matrix* gate,
                              const srmk_matrix* up, int32_t kind, const srmk_operand* y) {
  return guarded(backend, [&] { srm::gated_matmul(*backend, srm::resolve(x), *gate, *up, kind, made(*backend, y)); });
}

srmk_status srmk_rope(srmk_backend* backend, const srmk_tensor* x, const int32_t* positions,
                      const srmk_tensor* cos_sin) {
  return guarded(backend, [&] { srm::rope(*backend, srm::resolve(x), positions, srm::resolve(cos_sin)); });
}

srmk_status srmk_attention(srmk_backend* backend, const srmk_tensor* q, const srmk_tensor* k, const srmk_tensor* v,
                           const int32_t* positions, const srmk_segment* segments, int64_t segment_count,
                           const srmk_attention_options* options, const srmk_operand* y) {
  return guarded(backend, [&] {
    srm::attention(*backend, srm::resolve(q), srm::resolve(k), srm::resolve(v), positions, segments, segment_count,
                   *options, made(*backend, y));
  });
}

srmk_status srmk_gated_activation(srmk_backend* backend, const srmk_tensor* gate, const srmk_tensor* up, int32_t kind,
                                  const srmk_operand* y) {
  return guarded(
      backend, [&] { srm::gated_activation(*backend, srm::resolve(gate), srm::resolve(up), kind, made(*backend, y)); });
}

srmk_status srmk_add(srmk_backend* backend, const srmk_tensor* a, const srmk_tensor* b, const srmk_tensor* y) {
  return guarded(backend, [&] { srm::add(*backend, srm::resolve(a), srm::resolve(b), srm::resolve(y)); });
}

srmk_status srmk_gather_rows(srmk_backend* backend, const srmk_tensor* x, const int32_t* rows, const srmk_tensor* y) {
  return guarded(backend, [&] { srm::gather_rows(*backend, srm::resolve(x), rows, srm::resolve(y)); });
}

srmk_status srmk_mean_rows(srmk_backend* backend, const srmk_tensor* x, const int32_t* starts, const srmk_tensor* y) {
  return guarded(backend, [&] { srm::mean_rows(*backend, srm::resolve(x), starts, srm::resolve(y)); });
}

srmk_status srmk_sae_encode(srmk_backend* backend, const srmk_tensor* x, const srmk_matrix* w,
                            const srmk_sae_gate* gate) {
  return guarded(backend, [&] {
    srm::require(gate->kind >= SRMK_SAE_RELU && gate->kind <= SRMK_SAE_GATED && gate->k >= 0, "the gate is unknown");
    auto vector = [&](const srmk_tensor* tensor, bool needed) -> const float* {
      srm::require(tensor != nullptr || !needed, "the gate lacks a vector");
      if (tensor == nullptr) return nullptr;
      srm::require(tensor->rows == 1 && tensor->columns == w->outputs,
                   "a vector of the gate has another width than the matrix");
      return srm::resolve(tensor).data;
    };
    bool gated = gate->kind == SRMK_SAE_GATED;
    srm::SaeGate resolved{gate->kind,
                          gate->k,
                          vector(gate->scale, false),
                          vector(gate->bias, true),
                          vector(gate->threshold, gate->kind == SRMK_SAE_JUMPRELU),
                          vector(gate->gate_bias, gated),
                          vector(gate->magnitude_scale, gated),
                          vector(gate->magnitude_bias, gated)};
    srm::sae_encode(*backend, srm::resolve(x), *w, resolved);
  });
}

int64_t srmk_sae_row(srmk_backend* backend, int64_t row, const int32_t** latents, const float** values) {
  const auto& sae = backend->sae;
  int64_t start = row == 0 ? 0 : sae.ends[row - 1];
  *latents = sae.latents.data() + start;
  *values = sae.values.data() + start;
  return sae.ends[row] - start;
}

srmk_status srmk_score(srmk_backend* backend, const srmk_tensor* z, const srmk_tensor* directions,
                       const srmk_tensor* w1, const srmk_tensor* b1, const srmk_tensor* w2, const srmk_tensor* b2,
                       const srmk_tensor* scores) {
  return guarded(backend, [&] {
    srm::ScoreHeads heads = {directions == nullptr ? srm::Rows{} : srm::resolve(directions), srm::resolve(w1),
                             srm::resolve(b1), srm::resolve(w2), srm::resolve(b2)};
    srm::Rows from = srm::resolve(z), to = srm::resolve(scores);
    int64_t count = to.columns, hidden = heads.b1.columns, inputs = heads.w1.columns;
    bool projects = heads.directions.data != nullptr;
    bool fits = to.rows == from.rows && heads.w1.rows == count * hidden && heads.b1.rows == count &&
                heads.w2.rows == count && heads.w2.columns == hidden && heads.b2.rows == 1 &&
                heads.b2.columns == count &&
                (projects ? heads.directions.rows == inputs && heads.directions.columns == from.columns
                          : inputs == from.columns);
    srm::require(fits, "the heads do not fit the states and scores");
    srm::score(*backend, from, heads, to);
  });
}

srmk_status srmk_kernel_load(const char* path) {
  return guarded([&] { srm::load_own_kernel(path); });
}

int32_t srmk_variant_count(srmk_backend*, int32_t op) {
  return srm::variants_of(op).count + (op == SRMK_OP_MATMUL && srm::own_kernel() != nullptr ? 1 : 0);
}
const char* srmk_variant_name(srmk_backend*, int32_t op, int32_t index) { return srm::variant_of(op, index).name; }
int32_t srmk_variant_supported(srmk_backend*, int32_t op, int32_t index) {
  return srm::supports(srm::variant_of(op, index).needs) ? 1 : 0;
}
int32_t srmk_variant_computing(srmk_backend*, int32_t op, int32_t index, int32_t compute) {
  return srm::computing_variant(op, index, compute);
}
int32_t srmk_variant_proven(srmk_backend*, int32_t op, int32_t index) {
  return srm::variant_of(op, index).proven ? 1 : 0;
}
int32_t srmk_variant_selected(srmk_backend* backend, int32_t op) { return backend->selected[op]; }

srmk_status srmk_variant_select(srmk_backend* backend, int32_t op, int32_t index) {
  return guarded(backend, [&] {
    srm::require(op >= 0 && op < SRMK_OP_COUNT && index >= 0 && index < srmk_variant_count(backend, op),
                 "no such variant");
    if (srmk_variant_supported(backend, op, index) == 0)
      throw srm::Error(SRMK_UNSUPPORTED, "this machine cannot run the variant");
    backend->selected[op] = index;
  });
}

srmk_status srmk_probe(srmk_backend* backend, int32_t kind, double seconds, double* rate) {
  return guarded(backend, [&] { *rate = srm::probe(*backend, kind, seconds); });
}
