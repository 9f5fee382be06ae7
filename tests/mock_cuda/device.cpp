// cuInit to contexts.
#include "state.h"

namespace mock {
void set_current(bool is_current);
}

using mock::state;

SRM_MOCK CUresult cuInit(unsigned flags) {
  SRM_ENTER(false);
  if (flags != 0) mock::violation("cuInit with flags %u", flags);
  if (state().settings.devices == 0) return kNoDevice;
  state().is_initialized = true;
  return kSuccess;
}

SRM_MOCK CUresult cuDriverGetVersion(int* version) {
  SRM_ENTER(false);
  *version = state().settings.version;
  return kSuccess;
}

SRM_MOCK CUresult cuGetErrorName(CUresult error, const char** name) {
  switch (error) {
    case kInvalidValue: *name = "CUDA_ERROR_INVALID_VALUE"; break;
    case kOutOfMemory: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case kDeviceUnavailable: *name = "CUDA_ERROR_DEVICE_UNAVAILABLE"; break;
    case kNoDevice: *name = "CUDA_ERROR_NO_DEVICE"; break;
    case kInvalidDevice: *name = "CUDA_ERROR_INVALID_DEVICE"; break;
    case kNoBinaryForGpu: *name = "CUDA_ERROR_NO_BINARY_FOR_GPU"; break;
    case kUnsupportedPtx: *name = "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"; break;
    case kIllegalAddress: *name = "CUDA_ERROR_ILLEGAL_ADDRESS"; break;
    case kLaunchFailed: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
    default: *name = "CUDA_ERROR_UNKNOWN"; break;
  }
  return kSuccess;
}

SRM_MOCK CUresult cuGetErrorString(CUresult error, const char** text) {
  switch (error) {
    case kOutOfMemory: *text = "out of memory"; break;
    case kDeviceUnavailable: *text = "CUDA-capable device(s) is/are busy or unavailable"; break;
    case kNoDevice: *text = "no CUDA-capable device is detected"; break;
    case kUnsupportedPtx: *text = "the provided PTX was compiled with an unsupported toolchain."; break;
    case kIllegalAddress: *text = "an illegal memory access was encountered"; break;
    case kLaunchFailed: *text = "unspecified launch failure"; break;
    default: *text = "something else"; break;
  }
  return kSuccess;
}

SRM_MOCK CUresult cuDeviceGetCount(int* count) {
  SRM_ENTER(false);
  *count = state().settings.devices;
  return kSuccess;
}

SRM_MOCK CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  SRM_ENTER(false);
  if (ordinal < 0 || ordinal >= state().settings.devices) return kInvalidDevice;
  *device = ordinal;
  return kSuccess;
}

SRM_MOCK CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  SRM_ENTER(false);
  snprintf(name, length, "Mock %d", device);
  return kSuccess;
}

SRM_MOCK CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice) {
  SRM_ENTER(false);
  switch (attribute) {
    case 13: *value = state().settings.clock; break;
    case 16: *value = state().settings.multiprocessors; break;
    case 36: *value = state().settings.memory_clock; break;
    case 37: *value = state().settings.bus_width; break;
    case 38: *value = state().settings.cache; break;
    case 75: *value = state().settings.capability / 10; break;
    case 76: *value = state().settings.capability % 10; break;
    default: mock::violation("attribute %d is asked for", attribute); return kInvalidValue;
  }
  return kSuccess;
}

SRM_MOCK CUresult cuDevicePrimaryCtxRetain(void** context, CUdevice device) {
  SRM_ENTER(false);
  if (device < 0 || device >= state().settings.devices) return kInvalidDevice;
  state().context_users++;
  *context = &state();
  return kSuccess;
}

SRM_MOCK CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) {
  SRM_ENTER(false);
  if (state().context_users == 0) {
    mock::violation("a context is released that nobody holds");
    return kInvalidContext;
  }
  if (--state().context_users == 0) mock::free_everything();
  return kSuccess;
}

SRM_MOCK CUresult cuCtxSetCurrent(void* context) {
  SRM_ENTER(false);
  mock::set_current(context != nullptr);
  if (context != nullptr && context != &state()) mock::violation("a strange context is made current");
  return kSuccess;
}

SRM_MOCK CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  SRM_ENTER();
  *total = state().settings.memory;
  *free = *total - state().device_bytes;
  return kSuccess;
}
