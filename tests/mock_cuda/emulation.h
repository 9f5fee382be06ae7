// Runs kernels on the processor: the threads of a block are fibers of one OS thread, blocks run one after another.
// platform.cuh includes this file where the compiler knows nothing of CUDA; mock driver and kernels are one library.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

struct dim3 {
  unsigned int x = 1, y = 1, z = 1;
};

namespace emu {

struct Warp;

// A cp.async that has been issued; carried out when it is waited for, so that a missing wait is seen.
struct AsyncCopy {
  void* to;
  const void* from;
  int bytes, source_bytes;
};

// What a thread waits for that is neither its warp nor its block.
struct Wait {
  bool (*is_over)(const Wait& wait) = nullptr;
  uint64_t of = 0, until = 0;   // as is_over understands them: a barrier and a parity
  const char* never = nullptr;  // the sentence where nobody can end it any more
};

// One thread of the running block.
struct Thread {
  dim3 index;
  int number = 0;  // in the block
  int lane = 0;
  int parity = 0;  // which half of the warp's slots the next exchange uses
  Warp* warp = nullptr;
  Wait wait;
  std::vector<AsyncCopy> issued;               // not yet committed
  std::vector<std::vector<AsyncCopy>> groups;  // committed, oldest first
};

extern thread_local Thread* current;
extern thread_local dim3 block_index, block_size, grid_size;

// Shared memory has addresses of its own, as on the device: offsets in a window. What is dynamic of it begins at an
// address that is no rounder than SRM_DYNAMIC_SHARED promises.
inline constexpr uint32_t kSharedStart = 128;
unsigned char* shared_window();
inline void* dynamic_shared() { return shared_window() + kSharedStart; }
inline uint32_t shared_address(const void* at) {
  return static_cast<uint32_t>(static_cast<const unsigned char*>(at) - shared_window());
}
// Where [address, address + bytes) lies; fails where that is not within the block's dynamic shared memory.
unsigned char* shared_at(uint32_t address, size_t bytes);

void sync_block();
void sync_warp();
// Lets other threads run until the wait is over.
void wait_until_over(const Wait& wait);
// Whether a thread of the block is in such a wait that is not over.
bool is_awaited(bool (*is_over)(const Wait&), uint64_t of);
// Ends the running thread; run_grid gives the sentence.
[[noreturn]] void fail(const char* sentence);
// Says that the block cannot go on, where no thread is running.
void note_problem(const char* sentence);
inline int lane() { return current->lane; }

// Fails where [at, at + bytes) is not within one live block of the device: for places that a kernel computes from data.
void require_on_device(const void* at, size_t bytes);

// Where the warp's lanes put what they tell each other: 2 halves of 32 slots of at most 64 bytes.
unsigned char* warp_slots();

// Gives every lane's value, indexed by lane; all lanes that still run must call it. Valid until the call after next.
template <typename T>
const T* exchange(const T& mine) {
  static_assert(sizeof(T) <= 64);
  unsigned char* slots = warp_slots();
  std::memcpy(slots + current->lane * sizeof(T), &mine, sizeof(T));
  current->parity ^= 1;
  sync_warp();
  return reinterpret_cast<const T*>(slots);
}

// cp.async of `bytes` to shared memory, of which `source_bytes` come from `from` and the rest are zero.
void async_copy(void* to, const void* from, int bytes, int source_bytes);
void async_commit();
// Carries out all but the `left` youngest groups.
void async_wait(int left);

struct Parameter {
  size_t size;
  bool is_pointer, is_float;
};

struct Kernel {
  const char* name;
  std::vector<Parameter> parameters;
  void (*run)(void** values);  // one thread of it
};

void add_kernel(Kernel kernel);
const Kernel* find_kernel(const char* name);

template <auto function, typename... Args>
void run_thread(void** values) {
  [&]<size_t... i>(std::index_sequence<i...>) { function(*static_cast<Args*>(values[i])...); }
  (std::index_sequence_for<Args...>{});
}

template <auto function, typename... Args>
Kernel describe(const char* name, void (*)(Args...)) {
  return {name,
          {Parameter{sizeof(Args), std::is_pointer_v<Args>, std::is_same_v<Args, float>}...},
          run_thread<function, Args...>};
}

struct Registration {
  explicit Registration(Kernel kernel) { add_kernel(std::move(kernel)); }
};

// The order in which warps run and copies arrive in the grids that this OS thread runs. 0: warps in order, copies as
// late as they may; else one by chance, the same for the same number.
void set_schedule(unsigned seed);

// Runs a whole grid; a sentence about what went wrong in the kernel, or null.
const char* run_grid(const Kernel& kernel, dim3 grid, dim3 block, size_t shared_bytes, void** values);

}  // namespace emu

#define __global__
#define __device__
// One block at a time runs on an OS thread, so a block's shared memory is that thread's.
#define __shared__ static thread_local
#define __launch_bounds__(...)
#define __forceinline__ inline
#define threadIdx (emu::current->index)
#define blockIdx (emu::block_index)
#define blockDim (emu::block_size)
#define gridDim (emu::grid_size)
#define SRM_KERNEL(name) static const emu::Registration name##_registration(emu::describe<name>(#name, name));
