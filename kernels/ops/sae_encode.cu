// The gate of a sparse autoencoder on a dense tile of products, and what is active, compacted in the order of the
// latents. products: f32 rows [rows, d_sae]; pre = products * scale + bias, rounded after each. Lists: counts [rows];
// latents and activations [rows, capacity]. One block of 256 threads a row.
#include "srm_cuda/sae_gate.cuh"
#include "srm_cuda/sae_parts.cuh"
#include "srm_cuda/select.cuh"

using namespace srm;

// The first latent with the greatest activation of each group, by one warp a group, into `latents`; -1 where none is
// active.
SRM_DEVICE void best_of_groups(const SaeGate& gate, int groups, const float* products, int size, int* latents) {
  for (int group = warp_index(); group < groups; group += 8) {
    float best = 0.0f;
    int at = -1;
    for (int i = group * size + lane(); i < (group + 1) * size; i += kWarp) {
      float value = activation(gate, products[i], i);
      if (value > best) best = value, at = i;
    }
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
      float other = shfl_xor(best, distance);
      int other_at = shfl_xor(at, distance);
      if (other > best || (other == best && other_at >= 0 && other_at < at)) best = other, at = other_at;
    }
    if (lane() == 0) latents[group] = at;
  }
  sync_block();
}

extern "C" __global__ void __launch_bounds__(256)
    sae_encode_tiled_gate(const float* products, int d_sae, int kind, int k, const float* scale, const float* bias,
                          const float* threshold, const float* gate_bias, const float* magnitude_scale,
                          const float* magnitude_bias, int* counts, int* latents, float* activations, int capacity) {
  SaeGate gate{kind, scale, bias, threshold, gate_bias, magnitude_scale, magnitude_bias};
  i64 row = blockIdx.x;
  products += row * d_sae;
  latents += row * capacity;
  activations += row * capacity;
  float least = 0.0f;
  int ties = 0, candidates = d_sae;
  if (kind == kTopK)
    least = kth_greatest(k, ties, [&](auto visit) {
      for (int i = static_cast<int>(threadIdx.x); i < d_sae; i += 256) visit(activation(gate, products[i], i));
    });
  if (kind == kGroupMax) {
    best_of_groups(gate, k, products, d_sae / k, latents);
    candidates = k;
  }
  int count = 0, tied = 0;
  for (int start = 0; start < candidates; start += 256) {
    int i = start + static_cast<int>(threadIdx.x);
    int latent = i >= candidates ? -1 : kind == kGroupMax ? latents[i] : i;
    float value = latent < 0 ? 0.0f : activation(gate, products[latent], latent);
    bool is_taken = value > 0.0f && value >= least;
    int total;
    if (kind == kTopK) {
      bool is_tied = is_taken && value == least;
      int rank = tied + rank_in_block(is_tied, total);
      tied += total;
      if (is_tied && rank >= ties) is_taken = false;
    }
    int at = count + rank_in_block(is_taken, total);
    count += total;
    if (is_taken) {
      latents[at] = latent;
      activations[at] = value;
    }
  }
  if (threadIdx.x == 0) counts[row] = count;
}
SRM_KERNEL(sae_encode_tiled_gate)

// starts[i] = counts[0] + .. + counts[i - 1] for i up to rows. One warp.
extern "C" __global__ void __launch_bounds__(32) sae_encode_tiled_starts(const int* counts, int rows, int* starts) {
  int before = 0;
  for (int first = 0; first < rows; first += kWarp) {
    const int i = first + lane();
    int sum = i < rows ? counts[i] : 0;
    for (int distance = 1; distance < kWarp; distance *= 2) {
      const int other = shfl(sum, lane() - distance);
      if (lane() >= distance) sum += other;
    }
    if (i < rows) starts[i + 1] = before + sum;
    before += shfl(sum, kWarp - 1);
  }
  if (lane() == 0) starts[0] = 0;
}
SRM_KERNEL(sae_encode_tiled_starts)

// Brings the rows' lists together: row i's begin at starts[i]. Entries from `room` on are left out.
extern "C" __global__ void __launch_bounds__(256)
    sae_encode_tiled_concatenate(const int* starts, const int* latents, const float* activations, int capacity,
                                 int room, SaeEntry* entries) {
  i64 from = static_cast<i64>(blockIdx.x) * capacity;
  int to = starts[blockIdx.x], count = min_(starts[blockIdx.x + 1], room) - to;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += 256)
    entries[to + i] = {latents[from + i], activations[from + i]};
}
SRM_KERNEL(sae_encode_tiled_concatenate)
