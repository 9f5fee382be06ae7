// The gate of a sparse autoencoder on a dense tile of products, and what is active, compacted in the order of the
// latents. products: f32 rows [rows, d_sae]; pre = products * scale + bias, rounded after each. Lists: counts [rows];
// latents and activations [rows, capacity]. One block of 256 threads a row.
#include "srm_cuda/warp.cuh"

using namespace srm;

// Numbered as in SparseRM.Interop.Cuda.CudaSaeEncode.
inline constexpr int kRelu = 0, kJumpRelu = 1, kTopK = 2, kGroupMax = 3, kGated = 4;

struct SaeGate {
  int kind, k;
  const float *scale, *bias, *threshold, *gate_bias, *magnitude_scale, *magnitude_bias;
};

// The activation of latent i, 0 where it is not active; TopK and GroupMax choose among these.
SRM_DEVICE float activation(const SaeGate& gate, const float* products, int i) {
  float scaled = gate.scale == nullptr ? products[i] : products[i] * gate.scale[i];
  float pre = scaled + gate.bias[i];
  if (gate.kind == kGated) {
    float magnitude = pre * gate.magnitude_scale[i] + gate.magnitude_bias[i];
    return pre + gate.gate_bias[i] > 0.0f && magnitude > 0.0f ? magnitude : 0.0f;
  }
  if (gate.kind == kJumpRelu && !(pre > gate.threshold[i])) return 0.0f;
  return pre > 0.0f ? pre : 0.0f;  // also for a NaN
}

// How many threads before this one have `holds`; total: how many of all.
SRM_DEVICE int rank_in_block(bool holds, int& total) {
  __shared__ int counts[8];
  u32 votes = ballot(holds);
  sync_block();  // the last counts have been read by all
  if (lane() == 0) counts[warp_index()] = bit_count(votes);
  sync_block();
  int before = bit_count(votes & ((1u << lane()) - 1u));
  total = 0;
  for (int i = 0; i < 8; i++) {
    if (i < warp_index()) before += counts[i];
    total += counts[i];
  }
  return before;
}

// The k-th greatest activation of the row (0 where fewer are active), by four passes over its bits, eight at a time;
// `ties`: how many that equal it belong to the k greatest. Bits of positive floats are in the order of the floats.
SRM_DEVICE float kth_greatest(const SaeGate& gate, const float* products, int d_sae, int& ties) {
  __shared__ int histogram[256];
  __shared__ int chosen[2];
  u32 prefix = 0;
  int left = gate.k;
  for (int shift = 24; shift >= 0; shift -= 8) {
    histogram[threadIdx.x] = 0;
    sync_block();
    for (int i = static_cast<int>(threadIdx.x); i < d_sae; i += 256) {
      float value = activation(gate, products, i);
      u32 bits = bits_of(value);
      bool same = shift == 24 || bits >> (shift + 8) == prefix >> (shift + 8);
      if (value > 0.0f && same) add_atomically(&histogram[bits >> shift & 255u], 1);
    }
    sync_block();
    if (threadIdx.x == 0) {
      int bin = 255;
      while (bin >= 0 && histogram[bin] < left) left -= histogram[bin--];
      chosen[0] = bin;
      chosen[1] = left;
    }
    sync_block();
    if (chosen[0] < 0) return ties = 0, 0.0f;  // fewer than k: only in the first pass
    prefix |= static_cast<u32>(chosen[0]) << shift;
    left = chosen[1];
    sync_block();
  }
  ties = left;
  return from_bits(prefix);
}

// The first latent with the greatest activation of each group, by one warp a group, into `latents`; -1 where none is
// active.
SRM_DEVICE void best_of_groups(const SaeGate& gate, const float* products, int size, int* latents) {
  for (int group = warp_index(); group < gate.k; group += 8) {
    float best = 0.0f;
    int at = -1;
    for (int i = group * size + lane(); i < (group + 1) * size; i += kWarp) {
      float value = activation(gate, products, i);
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
    sae_encode_tile_gate(const float* products, int d_sae, int kind, int k, const float* scale, const float* bias,
                         const float* threshold, const float* gate_bias, const float* magnitude_scale,
                         const float* magnitude_bias, int* counts, int* latents, float* activations, int capacity) {
  SaeGate gate{kind, k, scale, bias, threshold, gate_bias, magnitude_scale, magnitude_bias};
  i64 row = blockIdx.x;
  products += row * d_sae;
  latents += row * capacity;
  activations += row * capacity;
  float least = 0.0f;
  int ties = 0, candidates = d_sae;
  if (kind == kTopK) least = kth_greatest(gate, products, d_sae, ties);
  if (kind == kGroupMax) {
    best_of_groups(gate, products, d_sae / k, latents);
    candidates = k;
  }
  int count = 0, tied = 0;
  for (int start = 0; start < candidates; start += 256) {
    int i = start + static_cast<int>(threadIdx.x);
    int latent = i >= candidates ? -1 : kind == kGroupMax ? latents[i] : i;
    float value = latent < 0 ? 0.0f : activation(gate, products, latent);
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
SRM_KERNEL(sae_encode_tile_gate)

// Brings the rows' lists together: row i's begin at starts[i].
extern "C" __global__ void __launch_bounds__(256)
    sae_encode_tile_concatenate(const int* starts, const int* latents, const float* activations, int capacity,
                                int* all_latents, float* all_activations) {
  i64 from = static_cast<i64>(blockIdx.x) * capacity;
  int to = starts[blockIdx.x], count = starts[blockIdx.x + 1] - to;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += 256) {
    all_latents[to + i] = latents[from + i];
    all_activations[to + i] = activations[from + i];
  }
}
SRM_KERNEL(sae_encode_tile_concatenate)
