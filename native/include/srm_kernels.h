// The internal C ABI between the .NET side and the kernels. Not a public API: both sides are built together and the
// version is compared exactly. src/SparseRM.Interop/NativeMethods.cs mirrors the functions below in the same order; a
// test compares the two.
//
// Rules for every function:
//  - returns SRMK_OK or a status whose sentence srmk_last_error() gives on the same thread; nothing is thrown across;
//  - one backend is used by one thread at a time, and whoever comes meanwhile is refused (SRMK_BUSY); backends are
//    independent of each other;
//  - shapes were checked by the caller; the native side checks only what protects memory;
//  - ops enqueue and may return early on other devices; on the CPU they have finished on return.
#ifndef SRM_KERNELS_H
#define SRM_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#define SRMK_ABI_VERSION 5

#if defined(_WIN32)
#define SRMK_API __declspec(dllexport)
#else
#define SRMK_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t srmk_status;
enum {
  SRMK_OK = 0,
  SRMK_INVALID_ARGUMENT = 1,
  SRMK_OUT_OF_MEMORY = 2,
  SRMK_UNSUPPORTED = 3,
  SRMK_NON_FINITE = 4,  // a weight is NaN or infinite; the function's bad_element says which
  SRMK_INTERNAL = 5,
  SRMK_BUSY = 6,  // another thread is in a call of the same backend
};

// Element types of weights and products; values equal those of SparseRM.Tensors.DType.
enum { SRMK_F32 = 0, SRMK_BF16 = 1, SRMK_F16 = 2, SRMK_I8 = 7 };

// Values equal those of SparseRM.Backends.OpKind.
enum {
  SRMK_OP_EMBED = 0,
  SRMK_OP_RMS_NORM = 1,
  SRMK_OP_ADD_RMS_NORM = 2,
  SRMK_OP_PACK = 3,
  SRMK_OP_MATMUL = 4,
  SRMK_OP_GATED_MATMUL = 5,
  SRMK_OP_ROPE = 6,
  SRMK_OP_ATTENTION = 7,
  SRMK_OP_GATED_ACTIVATION = 8,
  SRMK_OP_ADD = 9,
  SRMK_OP_GATHER_ROWS = 10,
  SRMK_OP_MEAN_ROWS = 11,
  SRMK_OP_SAE_ENCODE = 12,
  SRMK_OP_ROPE_ATTENTION = 13,
  SRMK_OP_COUNT_ACTIVE = 14,
  SRMK_OP_SCORE = 15,
  SRMK_OP_COUNT = 16,
};

// Values equal those of SparseRM.Backends.GatedActivationKind.
enum { SRMK_SILU = 0, SRMK_GELU_TANH = 1, SRMK_GELU_ERF = 2 };

// Gates of sparse autoencoders; values equal those of SparseRM.Backends.SaeGateKind.
enum { SRMK_SAE_RELU = 0, SRMK_SAE_JUMPRELU = 1, SRMK_SAE_TOPK = 2, SRMK_SAE_GROUPMAX = 3, SRMK_SAE_GATED = 4 };

// What srmk_probe measures: multiply-adds of f32 by instruction set, dot products of int8 and of bf16, reads by where
// the bytes lie.
enum {
  SRMK_PROBE_FMA_SCALAR = 0,
  SRMK_PROBE_FMA_AVX2 = 1,
  SRMK_PROBE_FMA_AVX512 = 2,
  SRMK_PROBE_DOT_I8 = 3,
  SRMK_PROBE_DOT_BF16 = 4,
  SRMK_PROBE_READ_L1 = 5,
  SRMK_PROBE_READ_L2 = 6,
  SRMK_PROBE_READ_L3 = 7,
  SRMK_PROBE_READ_DRAM = 8,
  SRMK_PROBE_COUNT = 9,
};

typedef struct srmk_backend srmk_backend;
typedef struct srmk_buffer srmk_buffer;
typedef struct srmk_matrix srmk_matrix;

// A view of rows of f32: element (i, j) is buffer[offset + i * row_stride + j].
typedef struct srmk_tensor {
  srmk_buffer* buffer;
  int64_t offset;
  int64_t rows;
  int64_t columns;
  int64_t row_stride;
} srmk_tensor;

// Rows that products read, from the buffer's first element on; compute: SRMK_F32, SRMK_BF16 or SRMK_I8. The layout is
// the device's (on the CPU: src/operand.h) and takes at most rows * (columns + 1) floats.
typedef struct srmk_operand {
  srmk_buffer* buffer;
  int64_t rows;
  int64_t columns;
  int64_t compute;
} srmk_operand;

// y = x · wᵀ + bias; bias: null for none.
typedef struct srmk_product {
  const srmk_matrix* w;
  const srmk_tensor* bias;
  srmk_tensor y;
} srmk_product;

// Mirrors SparseRM.Backends.AttentionSegment.
typedef struct srmk_segment {
  int32_t query_start, query_count;
  int32_t prefix_start, prefix_count;
  int32_t key_start, key_count;
} srmk_segment;

// Mirrors SparseRM.Backends.AttentionOptions.
typedef struct srmk_attention_options {
  int32_t n_heads, n_kv_heads, d_head;
  float scale, softcap;
  int32_t window;
} srmk_attention_options;

// Each vector is [1, d_sae]. scale may be null (1); threshold is for jumprelu, the last three are for gated; k is for
// topk and groupmax.
typedef struct srmk_sae_gate {
  int32_t kind, k;
  const srmk_tensor *scale, *bias, *threshold, *gate_bias, *magnitude_scale, *magnitude_bias;
} srmk_sae_gate;

// ---- versions and errors ----
SRMK_API int32_t srmk_abi_version(void);
SRMK_API int64_t srmk_sizeof_tensor(void);
SRMK_API int64_t srmk_sizeof_operand(void);
SRMK_API int64_t srmk_sizeof_product(void);
SRMK_API int64_t srmk_sizeof_segment(void);
SRMK_API int64_t srmk_sizeof_attention_options(void);
SRMK_API int64_t srmk_sizeof_sae_gate(void);
// The last failure of this thread, UTF-8; valid until the thread's next failure.
SRMK_API const char* srmk_last_error(void);

// ---- backend ----
// device: "cpu". threads: at most 1024; 0 for one per processor that this process may run on.
// SRMK_OUT_OF_MEMORY where the system starts fewer.
SRMK_API srmk_status srmk_backend_open(const char* device, int32_t threads, srmk_backend** backend);
// Buffers and matrices may be freed before or after.
SRMK_API void srmk_backend_close(srmk_backend* backend);
// One line for people, cut to capacity (with its final zero).
SRMK_API srmk_status srmk_backend_describe(srmk_backend* backend, char* text, int64_t capacity);

// ---- memory ----
SRMK_API srmk_status srmk_buffer_alloc(srmk_backend* backend, int64_t length, srmk_buffer** buffer);
SRMK_API void srmk_buffer_free(srmk_buffer* buffer);
// Dense rows to and from host memory; download waits for the work enqueued before.
SRMK_API srmk_status srmk_upload(srmk_backend* backend, const float* source, const srmk_tensor* destination);
SRMK_API srmk_status srmk_download(srmk_backend* backend, const srmk_tensor* source, float* destination);

// ---- weights ----
// compute, storage: SRMK_F32 or SRMK_BF16; storage BF16 under compute F32 is for weights that are bf16 in their file
// (exact, half the memory). Or both SRMK_I8; of that the rows to pack are outputs (transposed 0). The packed layout
// depends on storage alone, so every variant of MatMul can use every matrix, whenever it is selected.
SRMK_API srmk_status srmk_matrix_create(srmk_backend* backend, int64_t outputs, int64_t inputs, int32_t compute,
                                        int32_t storage, srmk_matrix** matrix);
// Packs rows [first_row, first_row + row_count) of one stacked part, whose outputs begin at output_start. source: those
// rows, dense, of dtype, unaligned; a row is one output (transposed 0, inputs elements) or one input (transposed 1,
// part_outputs elements). SRMK_NON_FINITE: *bad_element is its index within source.
SRMK_API srmk_status srmk_matrix_pack(srmk_backend* backend, srmk_matrix* matrix, const void* source, int32_t dtype,
                                      int32_t transposed, int64_t output_start, int64_t part_outputs, int64_t first_row,
                                      int64_t row_count, int64_t* bad_element);
SRMK_API int64_t srmk_matrix_bytes(const srmk_matrix* matrix);
SRMK_API void srmk_matrix_free(srmk_matrix* matrix);
// Widens count elements of dtype into destination[start..]; SRMK_NON_FINITE as above.
SRMK_API srmk_status srmk_load_vector(srmk_backend* backend, const void* source, int32_t dtype, int64_t count,
                                      srmk_buffer* destination, int64_t start, int64_t* bad_element);
// Asks the system to read these bytes of a mapped file from its disk, and does not wait.
SRMK_API void srmk_expect_pages(const void* start, int64_t bytes);
// Tells the system that the pages of a mapped file are not needed any more; they are read again if they are touched.
SRMK_API void srmk_release_pages(const void* start, int64_t bytes);

// ---- ops: meaning, shapes and aliasing are those of SparseRM.Backends.Backend ----
// table: [vocabulary, y.columns] of dtype, unaligned. SRMK_NON_FINITE: *bad_element is the index of the token whose row
// it is.
SRMK_API srmk_status srmk_embed(srmk_backend* backend, const void* table, int32_t dtype, const int32_t* ids,
                                float scale, const srmk_tensor* y, int64_t* bad_element);
SRMK_API srmk_status srmk_rms_norm(srmk_backend* backend, const srmk_tensor* x, const srmk_tensor* weight, float eps,
                                   float unit_offset, const srmk_tensor* y);
// delta, delta_weight: null for none.
SRMK_API srmk_status srmk_add_rms_norm(srmk_backend* backend, const srmk_tensor* residual, const srmk_tensor* delta,
                                       const srmk_tensor* delta_weight, const srmk_tensor* weight, float eps,
                                       float unit_offset, const srmk_operand* y);
SRMK_API srmk_status srmk_pack(srmk_backend* backend, const srmk_tensor* x, const srmk_operand* y);
SRMK_API srmk_status srmk_matmul(srmk_backend* backend, const srmk_operand* x, const srmk_product* products,
                                 int64_t product_count);
SRMK_API srmk_status srmk_gated_matmul(srmk_backend* backend, const srmk_operand* x, const srmk_matrix* gate,
                                       const srmk_matrix* up, int32_t kind, const srmk_operand* y);
SRMK_API srmk_status srmk_rope(srmk_backend* backend, const srmk_tensor* x, const int32_t* positions,
                               const srmk_tensor* cos_sin);
SRMK_API srmk_status srmk_attention(srmk_backend* backend, const srmk_tensor* q, const srmk_tensor* k,
                                    const srmk_tensor* v, const int32_t* positions, const srmk_segment* segments,
                                    int64_t segment_count, const srmk_attention_options* options,
                                    const srmk_operand* y);
SRMK_API srmk_status srmk_gated_activation(srmk_backend* backend, const srmk_tensor* gate, const srmk_tensor* up,
                                           int32_t kind, const srmk_operand* y);
SRMK_API srmk_status srmk_add(srmk_backend* backend, const srmk_tensor* a, const srmk_tensor* b, const srmk_tensor* y);
SRMK_API srmk_status srmk_gather_rows(srmk_backend* backend, const srmk_tensor* x, const int32_t* rows,
                                      const srmk_tensor* y);
SRMK_API srmk_status srmk_mean_rows(srmk_backend* backend, const srmk_tensor* x, const int32_t* starts,
                                    const srmk_tensor* y);
// pre = (x · wᵀ) * scale + bias, gated as it is computed. Its outcome is kept in the backend until the next call.
SRMK_API srmk_status srmk_sae_encode(srmk_backend* backend, const srmk_tensor* x, const srmk_matrix* w,
                                     const srmk_sae_gate* gate);
// How many latents of a row of the last call are active; their ids, rising, and values stay the backend's.
SRMK_API int64_t srmk_sae_row(srmk_backend* backend, int64_t row, const int32_t** latents, const float** values);
// scores [n, heads] of z [n, d_model]; directions [inputs, d_model] or null (v is z); w1 [heads * hidden, inputs]; b1,
// w2 [heads, hidden]; b2 [1, heads]. A row of z with NaN or an infinity scores NaN.
SRMK_API srmk_status srmk_score(srmk_backend* backend, const srmk_tensor* z, const srmk_tensor* directions,
                                const srmk_tensor* w1, const srmk_tensor* b1, const srmk_tensor* w2,
                                const srmk_tensor* b2, const srmk_tensor* scores);

// ---- variants: slowest first ----
// Loads a kernel of the user's own (srm_kernel.h) into this process, once: every backend then has it as the variant
// "own" of MatMul, behind the others.
SRMK_API srmk_status srmk_kernel_load(const char* path);
SRMK_API int32_t srmk_variant_count(srmk_backend* backend, int32_t op);
SRMK_API const char* srmk_variant_name(srmk_backend* backend, int32_t op, int32_t index);
SRMK_API int32_t srmk_variant_supported(srmk_backend* backend, int32_t op, int32_t index);
// The variant whose kernels compute the op in a type (SRMK_F32, ..) where this one is selected: itself, or an earlier
// one that it takes them of.
SRMK_API int32_t srmk_variant_computing(srmk_backend* backend, int32_t op, int32_t index, int32_t compute);
// 0 for one that never ran on a machine that has what it needs: it is not selected by itself.
SRMK_API int32_t srmk_variant_proven(srmk_backend* backend, int32_t op, int32_t index);
SRMK_API int32_t srmk_variant_selected(srmk_backend* backend, int32_t op);
SRMK_API srmk_status srmk_variant_select(srmk_backend* backend, int32_t op, int32_t index);

// ---- the machine's own limits ----
// The most that the backend's threads reach together, in arithmetic operations or bytes a second; takes about so
// many seconds. SRMK_UNSUPPORTED where the processor lacks the instructions.
SRMK_API srmk_status srmk_probe(srmk_backend* backend, int32_t kind, double seconds, double* rate);

#ifdef __cplusplus
}
#endif
#endif
