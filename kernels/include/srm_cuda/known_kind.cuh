// The kind of a gated activation as a constant: a loop over sums that stay in registers is unrolled, and holds one kind
// instead of all three in every step.
#pragma once
#include "srm_cuda/math.cuh"

namespace srm {

template <int kKind>
struct KnownKind {
  SRM_DEVICE static float activated(float gate) { return srm::activated(kKind, gate); }
};

// Calls body(KnownKind<kind>()).
template <class Body>
SRM_DEVICE void with_known_kind(int kind, Body body) {
  if (kind == kSilu) body(KnownKind<kSilu>());
  if (kind == kGeluTanh) body(KnownKind<kGeluTanh>());
  if (kind == kGeluErf) body(KnownKind<kGeluErf>());
}

}  // namespace srm
