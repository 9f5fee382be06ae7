#include "emulation.h"

#include <sys/mman.h>

#include <map>
#include <memory>
#include <string>

#include "fiber.h"

#if defined(__x86_64__)
asm(R"(
.text
.globl srm_switch_fiber
.hidden srm_switch_fiber
.type srm_switch_fiber, @function
srm_switch_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size srm_switch_fiber, .-srm_switch_fiber
)");
#endif

namespace emu {

thread_local Thread* current;
thread_local dim3 block_index, block_size, grid_size;

struct Warp {
  alignas(64) unsigned char slots[2][32 * 64];
};

namespace {

constexpr int kMaxThreads = 1024;
constexpr size_t kMaxShared = 228 << 10;

enum class State { kReady, kAtWarp, kAtBlock, kDone };

struct FiberThread {
  Thread thread;
  Fiber fiber;
  State state;
};

// What one OS thread needs to run blocks.
struct Engine {
  FiberThread threads[kMaxThreads];
  Warp warps[kMaxThreads / 32];
  alignas(128) unsigned char shared[kMaxShared];
  Fiber scheduler;
  FiberThread* running = nullptr;
  const Kernel* kernel = nullptr;
  void** values = nullptr;
  const char* problem = nullptr;  // what a thread of the block said with fail
  unsigned char* stacks = static_cast<unsigned char*>(mmap(nullptr, kMaxThreads* kStackBytes, PROT_READ | PROT_WRITE,
                                                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  ~Engine() { munmap(stacks, kMaxThreads * kStackBytes); }
};

Engine& engine() {
  thread_local std::unique_ptr<Engine> made = std::make_unique<Engine>();
  return *made;
}

thread_local Engine* active;

void leave(State state) {
  Engine& e = *active;
  e.running->state = state;
  e.running->fiber.switch_to(e.scheduler);
}

void thread_main() {
  active->kernel->run(active->values);
  leave(State::kDone);
}

void resume(Engine& e, FiberThread& thread) {
  e.running = &thread;
  current = &thread.thread;
  e.scheduler.switch_to(thread.fiber);
}

// Runs a warp until each of its threads is done or waits for the block; false if some wait for lanes that never come.
bool run_warp(Engine& e, FiberThread* first, int count) {
  while (true) {
    int at_warp = 0, at_block = 0;
    for (int i = 0; i < count; i++) {
      if (first[i].state == State::kReady) resume(e, first[i]);
      at_warp += first[i].state == State::kAtWarp;
      at_block += first[i].state == State::kAtBlock;
    }
    if (at_warp == 0) return true;
    if (at_block > 0) return false;
    for (int i = 0; i < count; i++)
      if (first[i].state == State::kAtWarp) first[i].state = State::kReady;
  }
}

const char* run_block(Engine& e, int count) {
  int left = count;
  while (left > 0) {
    for (int warp = 0; warp < count; warp += 32)
      if (!run_warp(e, e.threads + warp, std::min(32, count - warp)))
        return e.problem != nullptr ? e.problem : "lanes of a warp wait at different barriers";
    if (e.problem != nullptr) return e.problem;
    left = 0;
    for (int i = 0; i < count; i++) {
      if (e.threads[i].state != State::kAtBlock) continue;
      e.threads[i].state = State::kReady;
      left++;
    }
    // Threads that have returned count as arrived, as on the device; but no kernel of ours relies on it.
    if (left != 0 && left != count) return "only some of the block's threads reach a barrier";
  }
  for (int i = 0; i < count; i++)
    if (!e.threads[i].thread.issued.empty() || !e.threads[i].thread.groups.empty())
      return "a cp.async is never waited for";
  return nullptr;
}

void prepare(Engine& e, int count) {
  for (int i = 0; i < count; i++) {
    FiberThread& thread = e.threads[i];
    thread.thread.index.x = i % block_size.x;
    thread.thread.index.y = i / block_size.x % block_size.y;
    thread.thread.index.z = i / (block_size.x * block_size.y);
    thread.thread.lane = i % 32;
    thread.thread.parity = 0;
    thread.thread.warp = &e.warps[i / 32];
    thread.thread.issued.clear();
    thread.thread.groups.clear();
    thread.state = State::kReady;
    thread.fiber.prepare(e.stacks + i * kStackBytes, thread_main);
  }
}

std::map<std::string, Kernel>& kernels() {
  static std::map<std::string, Kernel> all;
  return all;
}

void carry_out(const std::vector<AsyncCopy>& group) {
  for (const AsyncCopy& copy : group) {
    std::memcpy(copy.to, copy.from, copy.source_bytes);
    std::memset(static_cast<char*>(copy.to) + copy.source_bytes, 0, copy.bytes - copy.source_bytes);
  }
}

}  // namespace

void* dynamic_shared() { return active->shared; }
void sync_block() { leave(State::kAtBlock); }
void sync_warp() { leave(State::kAtWarp); }
void fail(const char* sentence) {
  active->problem = sentence;
  leave(State::kDone);
  __builtin_unreachable();
}
unsigned char* warp_slots() { return current->warp->slots[current->parity]; }

void async_copy(void* to, const void* from, int bytes, int source_bytes) {
  current->issued.push_back({to, from, bytes, source_bytes});
}

void async_commit() {
  current->groups.push_back(std::move(current->issued));
  current->issued.clear();
}

void async_wait(int left) {
  auto& groups = current->groups;
  while (groups.size() > static_cast<size_t>(left)) {
    carry_out(groups.front());
    groups.erase(groups.begin());
  }
}

void add_kernel(Kernel kernel) { kernels().emplace(kernel.name, kernel); }

const Kernel* find_kernel(const char* name) {
  auto found = kernels().find(name);
  return found == kernels().end() ? nullptr : &found->second;
}

const char* run_grid(const Kernel& kernel, dim3 grid, dim3 block, size_t shared_bytes, void** values) {
  Engine& e = engine();
  active = &e;
  e.kernel = &kernel;
  e.values = values;
  block_size = block;
  grid_size = grid;
  int count = static_cast<int>(block.x * block.y * block.z);
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        block_index = {x, y, z};
        std::memset(e.shared, 0xff, shared_bytes);  // NaN, so that nothing reads what nobody wrote
        e.problem = nullptr;
        prepare(e, count);
        if (const char* problem = run_block(e, count)) return problem;
      }
  return nullptr;
}

}  // namespace emu
