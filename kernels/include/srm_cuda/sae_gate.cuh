// The gate of a sparse autoencoder, as SparseRM.Backends.SaeGate has it; shared by the variants of sae_encode.
#pragma once
#include "srm_cuda/math.cuh"

namespace srm {

// Numbered as SparseRM.Backends.SaeGateKind; a test compares them.
inline constexpr int kRelu = 0, kJumpRelu = 1, kTopK = 2, kGroupMax = 3, kGated = 4;

// Vectors [d_sae]. scale may be null (1); threshold is for kJumpRelu, the last three are for kGated.
struct SaeGate {
  int kind;
  const float *scale, *bias, *threshold, *gate_bias, *magnitude_scale, *magnitude_bias;
};

// The activation of a latent whose encoder row gave `product`, 0 where it is not active; pre = product * scale + bias
// is rounded after each. TopK and GroupMax choose among these.
SRM_DEVICE float activation(const SaeGate& gate, float product, int latent) {
  float scaled = gate.scale == nullptr ? product : product * gate.scale[latent];
  float pre = scaled + gate.bias[latent];
  if (gate.kind == kGated) {
    float magnitude = pre * gate.magnitude_scale[latent] + gate.magnitude_bias[latent];
    return pre + gate.gate_bias[latent] > 0.0f && magnitude > 0.0f ? magnitude : 0.0f;
  }
  if (gate.kind == kJumpRelu && !(pre > gate.threshold[latent])) return 0.0f;
  return pre > 0.0f ? pre : 0.0f;  // also for a NaN
}

}  // namespace srm
