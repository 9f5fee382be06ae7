// PTX 8.3. y = act(x · gateᵀ) * (x · upᵀ) by warpgroups, rounded to bf16; see wgmma_product.cuh. Only for compute
// capability 9.0.
#include "srm_cuda/known_kind.cuh"
#include "srm_cuda/wgmma_product.cuh"

#if SRM_SM90A

using namespace srm;

// Parameters as in gated_matmul_mma_sync.cu; x, gate and up are read through their CUtensorMaps instead: bf16,
// dimensions {inputs, rows} and {inputs, outputs}, boxes {64, 128}, 128-byte swizzle. A tile's 256 columns are 128 rows
// of gate and the same of up, so a thread holds both factors of its outputs: sums 0..63 and 64..127. grid =
// min(ceil(rows / 128) * ceil(outputs / 128), SMs), block = 384, dynamic shared memory 197,696 bytes.
extern "C" __global__ void __launch_bounds__(WgmmaProduct::kThreads, 1)
    gated_matmul_wgmma_tma_bf16(const bf16*, int, const bf16*, const bf16*, int, int kind, bf16* y, int y_stride,
                                int rows, int inputs, int outputs, const void* x_map, const void* gate_map,
                                const void* up_map) {
  SRM_DYNAMIC_SHARED(char, dynamic_shared);
  using Product = WgmmaProduct;
  constexpr int kHalf = Product::kColumns / 2;
  if (threadIdx.x == Product::kProducer) {
    tensor_map_fence(x_map);
    tensor_map_fence(gate_map);
    tensor_map_fence(up_map);
  }
  auto load = [&](TilePlace place, int k, SharedAddress stage, SharedAddress barrier) {
    const SharedAddress columns = stage + Product::kRows * Product::kRowBytes;
    copy_tile(stage, x_map, k, place.row * Product::kRows, barrier);
    copy_tile(columns, gate_map, k, place.column * kHalf, barrier);
    copy_tile(columns + kHalf * Product::kRowBytes, up_map, k, place.column * kHalf, barrier);
  };
  // Sixteen outputs of a thread at a time, and what is left moves up, as in gated_matmul_mma_sync.cu.
  auto store = [&](TilePlace place, float(&sums)[128]) SRM_INLINED {
#pragma unroll 1
    for (int part = 0; part < 4; part++) {
      with_known_kind(kind, [&](auto known) SRM_INLINED {
#pragma unroll
        for (int i = 0; i < 16; i++) sums[i] = known.activated(sums[i]) * sums[i + 64];
      });
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const int column = place.column * kHalf + part * 32 + Product::column(j, 0);
#pragma unroll
        for (int e = 0; e < 4; e += 2) {
          const int row = place.row * Product::kRows + Product::row(e);
          if (row < rows && column < y_stride)
            *reinterpret_cast<u32*>(y + static_cast<i64>(row) * y_stride + column) =
                pack_bf16(sums[j * 4 + e], sums[j * 4 + e + 1]);
        }
      }
#pragma unroll
      for (int i = 0; i < 48; i++) {
        sums[i] = sums[i + 16];
        sums[i + 64] = sums[i + 80];
      }
    }
  };
  Product::run((rows + Product::kRows - 1) / Product::kRows, (outputs + kHalf - 1) / kHalf, inputs,
               shared_address(dynamic_shared), load, store);
}
SRM_KERNEL(gated_matmul_wgmma_tma_bf16)

#endif
