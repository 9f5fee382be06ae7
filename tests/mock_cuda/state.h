// What the mock driver knows: devices, what is alive, what was wrong in a call. Everything behind one mutex.
#pragma once
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "emulation.h"

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = uint64_t;

inline constexpr CUresult kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3,
                          kDeviceUnavailable = 46, kNoDevice = 100, kInvalidDevice = 101, kInvalidImage = 200,
                          kInvalidContext = 201, kNoBinaryForGpu = 209, kInvalidPtx = 218, kUnsupportedPtx = 222,
                          kInvalidHandle = 400, kNotFound = 500, kNotReady = 600, kIllegalAddress = 700,
                          kLaunchOutOfResources = 701, kLaunchFailed = 719;

#define SRM_MOCK extern "C" __attribute__((visibility("default")))

namespace mock {

inline constexpr size_t kGuard = 512;

// Memory of the device or pinned on the host, with a guard zone at each end.
struct Block {
  unsigned char* start;
  size_t bytes;
  bool is_device;
  const void* used_by = nullptr;  // stream of the last copy from or to pinned memory
  uint64_t used_until = 0;        // time of that stream when the copy is done
};

using Work = std::vector<std::function<void()>>;

struct Stream {
  Work work;          // carried out when somebody waits, as late as a device may
  uint64_t done = 0;  // pieces of work carried out: a made-up clock that ticks once a piece
};

struct Event {
  bool is_timed;
  Stream* stream = nullptr;
  uint64_t at = 0;  // the stream's clock when the work before the mark is done
};

struct Entry {
  std::vector<size_t> parameters;  // bytes of each
  unsigned max_threads = 1024;
  int static_shared = 0;  // bytes that the module's kernels declare together: no less than this one's
};

struct Module;

struct Function {
  Module* module;
  Entry entry;
  const emu::Kernel* kernel;
  int max_dynamic_shared;
};

struct Module {
  std::map<std::string, Entry> entries;
  std::map<std::string, Function> functions;
};

// What a test sets; see control.cpp.
struct Settings {
  int version = 12040, devices = 1, capability = 90, multiprocessors = 132, cache = 1 << 20, algorithms = 1;
  int clock = 1'980'000, memory_clock = 2'619'000, bus_width = 5120;  // kHz, kHz, bits
  size_t memory = size_t{1} << 30;
};

struct Injection {
  std::string function;
  int calls_before = 0;
  CUresult result = kSuccess;
};

struct Tampering {
  std::string kernel;
  int parameter = -1;
  int64_t add = 0;
};

struct State {
  std::recursive_mutex mutex;
  Settings settings;
  Injection injection;
  Tampering tampering;
  bool is_initialized = false;
  int context_users = 0;
  CUresult lost = kSuccess;  // a sticky error: every later call gives it
  size_t device_bytes = 0;
  std::map<const void*, Block> blocks;  // by start
  std::map<void*, Stream*> streams;
  std::map<void*, Event*> events;
  std::map<void*, Module*> modules;
  std::set<void*> library_objects;  // of cublaslt_objects.cpp
  std::map<std::string, int> calls, launches;
  std::string violations;
};

State& state();

// Notes what a correct program would not have done; tests ask for the notes and expect none.
void violation(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Counts the call; gives the injected or sticky error, or the one for a missing context, else kSuccess.
CUresult enter(const char* function, bool needs_context = true);

// The live block that holds [pointer, pointer + bytes), or null.
const Block* find_block(const void* pointer, size_t bytes);
void check_guards(const Block& block);
void check_all_guards();

// Carries out a stream's work.
// Up to the time `until` of the stream's clock.
void drain(Stream& stream, uint64_t until = UINT64_MAX);
void drain_all();
bool is_work_queued();
void lose(CUresult result);
void free_everything();

}  // namespace mock

#define SRM_ENTER(...)                                             \
  std::lock_guard<std::recursive_mutex> lock(mock::state().mutex); \
  if (CUresult result = mock::enter(__func__, ##__VA_ARGS__)) return result
