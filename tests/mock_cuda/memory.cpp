// Memory with guard zones, and copies that happen when somebody waits.
#include <cstdlib>

#include "state.h"

using mock::state;

namespace {

unsigned char* make_block(size_t bytes, bool is_device) {
  auto* all = static_cast<unsigned char*>(std::aligned_alloc(256, (bytes + 2 * mock::kGuard + 255) / 256 * 256));
  // NaN in every type, so that what is read without having been written is seen.
  std::memset(all, 0xff, bytes + 2 * mock::kGuard);
  unsigned char* start = all + mock::kGuard;
  state().blocks[start] = {start, bytes, is_device, 0};
  return start;
}

CUresult free_block(const void* pointer, bool is_device) {
  auto found = state().blocks.find(pointer);
  if (found == state().blocks.end() || found->second.is_device != is_device) {
    mock::violation("a pointer is freed that is not the start of a live block");
    return kInvalidValue;
  }
  // Memory of the device waits for the work that uses it; that is not said of memory of the host.
  for (auto& [handle, stream] : state().streams)
    if (!is_device && found->second.used_by == stream && found->second.used_until > stream->done)
      mock::violation("pinned memory is freed while a copy that uses it is queued");
  mock::drain_all();
  mock::check_guards(found->second);
  if (is_device) state().device_bytes -= found->second.bytes;
  std::free(found->second.start - mock::kGuard);
  state().blocks.erase(found);
  return kSuccess;
}

mock::Stream* find_stream(void* handle, const char* function) {
  auto found = state().streams.find(handle);
  if (found != state().streams.end()) return found->second;
  mock::violation("%s on a stream that is not alive", function);
  return nullptr;
}

bool require(const void* pointer, size_t bytes, bool is_device, const char* what) {
  const mock::Block* block = mock::find_block(pointer, bytes);
  if (block != nullptr && block->is_device == is_device) return true;
  mock::violation("%s of %zu bytes is not within one live %s block", what, bytes, is_device ? "device" : "pinned");
  return false;
}

// Notes that the stream's latest work uses pinned memory.
void note_use(const void* pointer, const mock::Stream& stream) {
  const mock::Block* block = mock::find_block(pointer, 1);
  if (block == nullptr) return;
  auto& used = state().blocks[block->start];
  used.used_by = &stream;
  used.used_until = stream.done + stream.work.size();
}

}  // namespace

void emu::require_on_device(const void* at, size_t bytes) {
  const mock::Block* block = mock::find_block(at, bytes);
  if (block == nullptr || !block->is_device) fail("a computed place is in no live device block");
}

SRM_MOCK CUresult cuMemAlloc_v2(CUdeviceptr* pointer, size_t bytes) {
  SRM_ENTER();
  if (bytes == 0) return kInvalidValue;
  if (bytes > state().settings.memory - state().device_bytes) return kOutOfMemory;
  *pointer = reinterpret_cast<CUdeviceptr>(make_block(bytes, true));
  state().device_bytes += bytes;
  return kSuccess;
}

SRM_MOCK CUresult cuMemFree_v2(CUdeviceptr pointer) {
  SRM_ENTER();
  return free_block(reinterpret_cast<void*>(pointer), true);
}

SRM_MOCK CUresult cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
  SRM_ENTER();
  if (bytes == 0) return kInvalidValue;
  *pointer = make_block(bytes, false);
  return kSuccess;
}

SRM_MOCK CUresult cuMemFreeHost(void* pointer) {
  SRM_ENTER();
  return free_block(pointer, false);
}

SRM_MOCK CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, void* handle) {
  SRM_ENTER();
  mock::Stream* stream = find_stream(handle, __func__);
  void* target = reinterpret_cast<void*>(to);
  if (stream == nullptr || !require(target, bytes, true, "the target of an upload") ||
      !require(from, bytes, false, "the source of an upload"))
    return kInvalidValue;
  stream->work.push_back([=] { std::memcpy(target, from, bytes); });
  note_use(from, *stream);
  return kSuccess;
}

SRM_MOCK CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, void* handle) {
  SRM_ENTER();
  mock::Stream* stream = find_stream(handle, __func__);
  const void* source = reinterpret_cast<const void*>(from);
  if (stream == nullptr || !require(source, bytes, true, "the source of a download") ||
      !require(to, bytes, false, "the target of a download"))
    return kInvalidValue;
  stream->work.push_back([=] { std::memcpy(to, source, bytes); });
  note_use(to, *stream);
  return kSuccess;
}

SRM_MOCK CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, void* handle) {
  SRM_ENTER();
  mock::Stream* stream = find_stream(handle, __func__);
  void* target = reinterpret_cast<void*>(to);
  if (stream == nullptr || !require(target, bytes, true, "the target of a memset")) return kInvalidValue;
  stream->work.push_back([=] { std::memset(target, value, bytes); });
  return kSuccess;
}
