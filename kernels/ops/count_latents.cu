// In how many samples each latent is active: counts[latents[i]] += 1, for the lists that sae_encode made of some
// samples.
#include "srm_cuda/warp.cuh"

using namespace srm;

// A thread an entry. Sums of integers are the same in any order, so atomics serve. grid = ceil(count / 256), block =
// 256.
extern "C" __global__ void __launch_bounds__(256) count_latents_by_entry(const int* latents, int count, int* counts) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) add_atomically(&counts[latents[i]], 1);
}
SRM_KERNEL(count_latents_by_entry)
