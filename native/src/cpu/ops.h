#pragma once

#include "backend.h"
#include "cpu/ops/sae_gate.h"
#include "matrix.h"
#include "operand.h"
#include "variant.h"

// One function per op and, where there is a choice, its list of variants. Meaning and shapes: include/srm_kernels.h.
namespace srm {

/// Index of the first non-finite element, or -1.
int64_t pack_weights(srmk_backend& backend, srmk_matrix& matrix, const void* source, int dtype, bool transposed,
                     int64_t output_start, int64_t part_outputs, int64_t first_row, int64_t row_count);
int64_t load_vector(const void* source, int dtype, int64_t count, float* destination);

/// Index of the first token whose row is not finite, or -1.
int64_t embed(srmk_backend& backend, const void* table, int dtype, const int32_t* ids, float scale, Rows y);

void rms_norm(srmk_backend& backend, Rows x, Rows weight, float eps, float unit_offset, Rows y);
VariantList rms_norm_variants();

/// delta.data and delta_weight may be null.
void add_rms_norm(srmk_backend& backend, Rows residual, Rows delta, const float* delta_weight, const float* weight,
                  float eps, float unit_offset, Operand y);
VariantList add_rms_norm_variants();

void pack(srmk_backend& backend, Rows x, Operand y);
VariantList pack_variants();

/// One product of an operand; bias may be null.
struct MatMulOutput {
  const srmk_matrix* w;
  const float* bias;
  Rows y;
};
void matmul(srmk_backend& backend, Operand x, const MatMulOutput* outputs, int64_t count);
VariantList matmul_variants();
/// The first variant that has the same kernels for products of a type as this one.
int matmul_computing(int variant, int compute);
/// Whether the variants in use want operands in pairs of bf16; else they are made widened.
bool multiplies_pairs(const srmk_backend& backend);

void gated_matmul(srmk_backend& backend, Operand x, const srmk_matrix& gate, const srmk_matrix& up, int kind,
                  Operand y);
VariantList gated_matmul_variants();

void rope(srmk_backend& backend, Rows x, const int32_t* positions, Rows cos_sin);
VariantList rope_variants();

void attention(srmk_backend& backend, Rows q, Rows k, Rows v, const int32_t* positions, const srmk_segment* segments,
               int64_t segment_count, const srmk_attention_options& options, Operand y);
VariantList attention_variants();
/// As matmul_computing.
int attention_computing(int variant, int compute);

void gated_activation(srmk_backend& backend, Rows gate, Rows up, int kind, Operand y);
VariantList gated_activation_variants();

void add(srmk_backend& backend, Rows a, Rows b, Rows y);
void gather_rows(srmk_backend& backend, Rows x, const int32_t* rows, Rows y);
void mean_rows(srmk_backend& backend, Rows x, const int32_t* starts, Rows y);

/// Leaves its outcome in backend.sae.
void sae_encode(srmk_backend& backend, Rows x, const srmk_matrix& w, const SaeGate& gate);
VariantList sae_encode_variants();

/// Heads of one shape over one projection; see srmk_score. directions.data may be null.
struct ScoreHeads {
  Rows directions, w1, b1, w2, b2;
};
void score(srmk_backend& backend, Rows z, const ScoreHeads& heads, Rows scores);
VariantList score_variants();

}  // namespace srm
