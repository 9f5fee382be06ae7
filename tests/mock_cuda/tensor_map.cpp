// CUtensorMaps: what "CUDA Driver API, Tensor Map Object Management" asks of their arguments, for rows of bf16; others
// are not emulated. What is written is for the copies of tile_copies.cpp.
#include "hopper.h"
#include "state.h"

SRM_MOCK CUresult cuTensorMapEncodeTiled(void* map, int type, unsigned rank, CUdeviceptr address, const uint64_t* sizes,
                                         const uint64_t* strides, const unsigned* box, const unsigned* steps,
                                         int interleave, int swizzle, int promotion, int fill) {
  SRM_ENTER();
  const int bf16 = 9;
  if (type != bf16 || rank != 2 || interleave != 0 || fill != 0)
    return mock::violation("a tensor map that is not of rows of bf16 with zeros outside"), kInvalidValue;
  bool is_right = reinterpret_cast<uintptr_t>(map) % 64 == 0 && address % 16 == 0;
  is_right = is_right && sizes[0] > 0 && sizes[1] > 0 && strides[0] % 16 == 0 && strides[0] >= sizes[0] * 2;
  is_right = is_right && box[0] >= 1 && box[0] <= 256 && box[0] * 2 % 16 == 0 && box[1] >= 1 && box[1] <= 256;
  // The first step has no effect without interleaving; a swizzle goes over 32, 64 or 128 bytes, which a row may not
  // exceed.
  is_right = is_right && steps[1] >= 1 && steps[1] <= 8 && promotion >= 0 && promotion <= 3;
  is_right = is_right && swizzle >= 0 && swizzle <= 3 && (swizzle == 0 || box[0] * 2 <= 16u << swizzle);
  if (!is_right) return mock::violation("a tensor map with arguments that the driver refuses"), kInvalidValue;
  const mock::Block* block =
      mock::find_block(reinterpret_cast<void*>(address), strides[0] * (sizes[1] - 1) + sizes[0] * 2);
  if (block == nullptr || !block->is_device) mock::violation("a tensor map of what is no live device block");
  const emu::TensorMap described{
      emu::TensorMap::kMagic, address, sizes[0], sizes[1], strides[0], box[0], box[1], steps[1], swizzle};
  std::memset(map, 0x5a, 128);
  std::memcpy(map, &described, sizeof described);
  return kSuccess;
}
