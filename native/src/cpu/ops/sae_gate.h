#pragma once

#include <cstdint>

#include "cpu/features.h"

namespace srm {

/// Resolved vectors of an SAE's gate; see srmk_sae_gate.
struct SaeGate {
  int32_t kind, k;
  const float *scale, *bias, *threshold, *gate_bias, *magnitude_scale, *magnitude_bias;
};

/// The last of the best k: a value, and among those equal to it a latent.
struct SaeCut {
  float value;
  int32_t latent;
};

/// Gates of one row of a tile, p[columns] with columns <= 64, whose first latent is `first`; for one instruction set.
/// What is found goes to latents and values, where there must be room for kSlack more than are found.
struct SaeGateKernel {
  /// p = p * scale + bias, in two roundings.
  void (*scale)(const SaeGate& gate, int64_t first, int columns, float* p);
  /// relu, jumprelu, gated: appends the active latents, returns how many. p of a gated SAE becomes its magnitudes.
  int (*active)(const SaeGate& gate, int64_t first, int columns, float* p, int32_t* latents, float* values);
  /// Appends latents whose values are `least` or more, returns how many.
  int (*reaching)(float least, int64_t first, int columns, const float* p, int32_t* latents, float* values);
  /// The best k of count candidates end here. Values are `least` or more, which is above 0; 1 <= k <= count.
  SaeCut (*cut)(const int32_t* latents, const float* values, int64_t count, int64_t k, float least);
  /// Drops candidates beyond the cut, in place and in order; returns how many are left.
  int64_t (*keep)(SaeCut cut, int64_t count, int32_t* latents, float* values);
  /// groupmax: raises the best of each group of `size` latents, latents[group] and values[group], to those in p.
  void (*raise)(int64_t size, int64_t groups, int64_t first, int columns, const float* p, int32_t* latents,
                float* values);

  static constexpr int64_t kSlack = 16;
};

/// That for the widest vectors of `cpu`.
const SaeGateKernel& sae_gate_kernel(Cpu cpu);

}  // namespace srm
