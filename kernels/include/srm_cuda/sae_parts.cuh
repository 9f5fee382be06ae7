// The active latents of a chunk as sae_encode_mma_sync_bf16 leaves them: entries in a pool, and where each row's are.
#pragma once
#include "srm_cuda/warp.cuh"

namespace srm {

struct SaeEntry {
  int latent;
  float activation;
};

// The active latents of a row within a panel: pool[start .. start + count), rising.
struct SaePart {
  int start, count;
};

// Calls visit(holds, entry) for the entries of a row, in the order of the latents; a warp takes a part, a block eight
// at a time. Every thread makes the same number of calls.
template <class Visit>
SRM_DEVICE void for_each_entry(const SaePart* parts, int panels, const SaeEntry* pool, Visit visit) {
  for (int first = 0; first < panels; first += 8) {
    const int panel = first + warp_index();
    const SaePart part = panel < panels ? parts[panel] : SaePart{0, 0};
    const bool holds = lane() < part.count;
    visit(holds, holds ? pool[part.start + lane()] : SaeEntry{0, 0.0f});
  }
}

}  // namespace srm
