// counts[s, j] += times[row, s] for every latent j in a row's list; s = 0 for chosen samples, 1 for rejected ones.
// counts: f32 rows [2, d_sae], integers below 2^24, so that the order of the additions changes no bit. One block of 256
// threads a row. Why not lists on the host: they would be brought there, and every tile waited for.
#include "srm_cuda/sae_parts.cuh"

using namespace srm;

namespace {

SRM_DEVICE void count(float* counts, int counts_stride, const int* times, int latent) {
  const int chosen = times[0], rejected = times[1];
  if (chosen != 0) add_atomically(&counts[latent], static_cast<float>(chosen));
  if (rejected != 0) add_atomically(&counts[counts_stride + latent], static_cast<float>(rejected));
}

}  // namespace

// Lists of sae_encode_tiled_gate and sae_encode_mma_sync_topk: lengths [rows], latents [rows, capacity].
extern "C" __global__ void __launch_bounds__(256)
    count_active_row_per_block_lists(const int* lengths, const int* latents, int capacity, const int* times,
                                     float* counts, int counts_stride) {
  const i64 row = blockIdx.x;
  latents += row * capacity;
  for (int i = static_cast<int>(threadIdx.x); i < lengths[row]; i += 256)
    count(counts, counts_stride, times + row * 2, latents[i]);
}
SRM_KERNEL(count_active_row_per_block_lists)

// Parts of sae_encode_mma_sync_bf16: parts [rows, panels] of a pool.
extern "C" __global__ void __launch_bounds__(256)
    count_active_row_per_block_parts(const SaeEntry* pool, const SaePart* parts, int panels, const int* times,
                                     float* counts, int counts_stride) {
  const i64 row = blockIdx.x;
  for_each_entry(parts + row * panels, panels, pool, [&](bool holds, SaeEntry entry) {
    if (holds) count(counts, counts_stride, times + row * 2, entry.latent);
  });
}
SRM_KERNEL(count_active_row_per_block_parts)
