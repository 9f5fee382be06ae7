// CUtensorMaps: what "CUDA Driver API, Tensor Map Object Management" asks of their arguments. Nothing here reads one,
// since copies by them are not emulated.
#include "state.h"

SRM_MOCK CUresult cuTensorMapEncodeTiled(void* map, int type, unsigned rank, CUdeviceptr address, const uint64_t* sizes,
                                         const uint64_t* strides, const unsigned* box, const unsigned* steps,
                                         int interleave, int swizzle, int promotion, int fill) {
  SRM_ENTER();
  const int bf16 = 9, swizzle_128 = 3;
  bool is_right = reinterpret_cast<uintptr_t>(map) % 64 == 0 && type == bf16 && rank == 2 && address % 16 == 0;
  is_right = is_right && sizes[0] > 0 && sizes[1] > 0 && strides[0] % 16 == 0 && strides[0] >= sizes[0] * 2;
  is_right = is_right && box[0] * 2 <= 128 && box[1] >= 1 && box[1] <= 256 && steps[0] == 1 && steps[1] == 1;
  is_right = is_right && interleave == 0 && swizzle == swizzle_128 && promotion >= 0 && promotion <= 3 && fill == 0;
  if (!is_right) return mock::violation("a tensor map with arguments that the driver refuses"), kInvalidValue;
  const mock::Block* block =
      mock::find_block(reinterpret_cast<void*>(address), strides[0] * (sizes[1] - 1) + sizes[0] * 2);
  if (block == nullptr || !block->is_device) mock::violation("a tensor map of what is no live device block");
  std::memset(map, 0x5a, 128);
  return kSuccess;
}
