// PTX 8.3. y = x · wᵀ + bias in tiles of 128 x 256 by warpgroups; see wgmma_product.cuh. Only for compute
// capability 9.0.
#include "srm_cuda/wgmma_product.cuh"

#if SRM_SM90A

using namespace srm;

// Parameters as in matmul_mma_sync.cu; x and w are read through their CUtensorMaps instead: bf16, dimensions
// {inputs, rows} and {inputs, outputs}, boxes {64, 128} and {64, 256}, 128-byte swizzle. Why not mma_sync: its
// fragments pass through registers, which bounds it well below the rate that tensor cores of 9.0 have when they read
// shared memory. grid = min(ceil(rows / 128) * ceil(outputs / 256), SMs), block = 384, dynamic shared memory 197,696
// bytes.
extern "C" __global__ void __launch_bounds__(WgmmaProduct::kThreads, 1)
    matmul_wgmma_tma_bf16(const bf16*, int, const bf16*, int, const float* bias, float* y, int y_stride, int rows,
                          int inputs, int outputs, const void* x_map, const void* w_map) {
  SRM_DYNAMIC_SHARED(char, dynamic_shared);
  using Product = WgmmaProduct;
  if (threadIdx.x == Product::kProducer) {
    tensor_map_fence(x_map);
    tensor_map_fence(w_map);
  }
  auto load = [&](TilePlace place, int k, SharedAddress stage, SharedAddress barrier) {
    copy_tile(stage, x_map, k, place.row * Product::kRows, barrier);
    copy_tile(stage + Product::kRows * Product::kRowBytes, w_map, k, place.column * Product::kColumns, barrier);
  };
  const bool pairs = y_stride % 2 == 0 && reinterpret_cast<u64>(y) % 8 == 0;
  auto store = [&](TilePlace place, const float(&sums)[128]) SRM_INLINED {
#pragma unroll
    for (int j = 0; j < 32; j++) {
      const int column = place.column * Product::kColumns + Product::column(j, 0);
      if (column >= outputs) continue;
      const bool both = column + 1 < outputs;
      const float low = bias == nullptr ? 0.0f : bias[column],
                  high = bias == nullptr || !both ? 0.0f : bias[column + 1];
#pragma unroll
      for (int e = 0; e < 4; e += 2) {
        const int row = place.row * Product::kRows + Product::row(e);
        if (row >= rows) continue;
        float* to = y + static_cast<i64>(row) * y_stride + column;
        store_pair(to, sums[j * 4 + e] + low, sums[j * 4 + e + 1] + high, both, pairs);
      }
    }
  };
  Product::run((rows + Product::kRows - 1) / Product::kRows, (outputs + Product::kColumns - 1) / Product::kColumns,
               inputs, shared_address(dynamic_shared), load, store);
}
SRM_KERNEL(matmul_wgmma_tma_bf16)

#endif
