#pragma once

#include <cstdint>

namespace srm {

/// Resolved vectors of an SAE's gate; see srmk_sae_gate.
struct SaeGate {
  int32_t kind, k;
  const float *scale, *bias, *threshold, *gate_bias, *magnitude_scale, *magnitude_bias;
};

}  // namespace srm
