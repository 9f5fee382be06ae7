#include "emulation.h"

#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <random>

#include "fiber.h"
#include "hopper.h"

namespace emu {

thread_local Thread* current;
thread_local dim3 block_index, block_size, grid_size;

struct Warp {
  alignas(64) unsigned char slots[2][32 * 64];
};

namespace {

constexpr int kMaxThreads = 1024;
constexpr size_t kMaxShared = 228 << 10;

thread_local unsigned schedule_of_thread;

enum class State { kReady, kAtWarp, kAtBlock, kWaiting, kDone };

struct FiberThread {
  Thread thread;
  Fiber fiber;
  State state;
};

// What one OS thread needs to run blocks.
struct Engine {
  FiberThread threads[kMaxThreads];
  Warp warps[kMaxThreads / 32];
  alignas(128) unsigned char shared[kSharedStart + kMaxShared];
  size_t shared_bytes = 0;  // of the running grid's blocks
  Fiber scheduler;
  FiberThread* running = nullptr;
  const Kernel* kernel = nullptr;
  void** values = nullptr;
  const char* problem = nullptr;  // what a thread of the block said with fail
  int count = 0;                  // threads of the block
  unsigned schedule = 0;
  std::minstd_rand chance;
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

// Lets a warp's threads run until each is done or waits for others than its lanes; whether any could.
bool run_warp(Engine& e, FiberThread* first, int count) {
  bool moved = false;
  while (e.problem == nullptr) {
    int at_warp = 0, elsewhere = 0;
    for (int i = 0; i < count; i++) {
      FiberThread& thread = first[i];
      const Wait& wait = thread.thread.wait;
      if (thread.state == State::kWaiting && wait.is_over(wait)) thread.state = State::kReady;
      if (thread.state == State::kReady) {
        resume(e, thread);
        moved = true;
      }
      at_warp += thread.state == State::kAtWarp;
      elsewhere += thread.state == State::kAtBlock || thread.state == State::kWaiting;
    }
    if (at_warp == 0 || elsewhere > 0) return moved;
    for (int i = 0; i < count; i++)
      if (first[i].state == State::kAtWarp) first[i].state = State::kReady;
  }
  return moved;
}

// All warps in order, or by chance one that can go on; whether any could.
bool run_warps(Engine& e) {
  const int warps = (e.count + 31) / 32;
  auto run = [&](int warp) { return run_warp(e, e.threads + warp * 32, std::min(32, e.count - warp * 32)); };
  bool moved = false;
  if (e.schedule == 0) {
    for (int warp = 0; warp < warps; warp++) moved |= run(warp);
    return moved;
  }
  const int first = static_cast<int>(e.chance() % warps);
  for (int i = 0; i < warps && !moved; i++) moved = run((first + i) % warps);
  if (moved && e.chance() % 2 == 0) carry_out_tile_copy(static_cast<unsigned>(e.chance()));
  return moved;
}

int count_of(const Engine& e, State state) {
  int count = 0;
  for (int i = 0; i < e.count; i++) count += e.threads[i].state == state;
  return count;
}

// Ends a barrier that all threads have reached. Threads that have returned count as arrived on the device; but no
// kernel of ours relies on it.
bool end_block_barrier(Engine& e) {
  if (count_of(e, State::kAtBlock) != e.count) return false;
  for (int i = 0; i < e.count; i++) e.threads[i].state = State::kReady;
  return true;
}

// Why nothing moves any more; null where all is done.
const char* standstill(const Engine& e) {
  for (int i = 0; i < e.count; i++)
    if (e.threads[i].state == State::kWaiting) return e.threads[i].thread.wait.never;
  if (count_of(e, State::kAtWarp) > 0) return "lanes of a warp wait at different barriers";
  if (count_of(e, State::kAtBlock) > 0) return "only some of the block's threads reach a barrier";
  for (int i = 0; i < e.count; i++)
    if (!e.threads[i].thread.issued.empty() || !e.threads[i].thread.groups.empty())
      return "a cp.async is never waited for";
  return are_tile_copies_left() ? "a copy by a tensor map is never waited for" : nullptr;
}

const char* run_block(Engine& e) {
  // Copies arrive when nothing else can happen.
  while (e.problem == nullptr && (run_warps(e) || carry_out_awaited_tile_copy() || end_block_barrier(e))) {
  }
  return e.problem != nullptr ? e.problem : standstill(e);
}

void prepare(Engine& e) {
  std::memset(e.shared, 0xff, kSharedStart + e.shared_bytes);  // NaN, so that nothing reads what nobody wrote
  e.problem = nullptr;
  begin_hopper_block(e.count);
  for (int i = 0; i < e.count; i++) {
    FiberThread& thread = e.threads[i];
    thread.thread.number = i;
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

}  // namespace

unsigned char* shared_window() { return active->shared; }
unsigned char* shared_at(uint32_t address, size_t bytes) {
  if (address < kSharedStart || address - kSharedStart + bytes > active->shared_bytes)
    fail("an address is outside of the block's dynamic shared memory");
  return active->shared + address;
}

void sync_block() { leave(State::kAtBlock); }
void sync_warp() { leave(State::kAtWarp); }
void wait_until_over(const Wait& wait) {
  if (wait.is_over(wait)) return;
  current->wait = wait;
  leave(State::kWaiting);
}
bool is_awaited(bool (*is_over)(const Wait&), uint64_t of) {
  for (int i = 0; i < active->count; i++) {
    const Wait& wait = active->threads[i].thread.wait;
    const bool waits = active->threads[i].state == State::kWaiting && wait.is_over == is_over && wait.of == of;
    if (waits && !wait.is_over(wait)) return true;
  }
  return false;
}

void fail(const char* sentence) {
  note_problem(sentence);
  leave(State::kDone);
  __builtin_unreachable();
}
void note_problem(const char* sentence) { active->problem = sentence; }
unsigned char* warp_slots() { return current->warp->slots[current->parity]; }
void set_schedule(unsigned seed) { schedule_of_thread = seed; }

const char* run_grid(const Kernel& kernel, dim3 grid, dim3 block, size_t shared_bytes, void** values) {
  Engine& e = engine();
  active = &e;
  e.kernel = &kernel;
  e.values = values;
  e.count = static_cast<int>(block.x * block.y * block.z);
  e.shared_bytes = shared_bytes;
  e.schedule = schedule_of_thread;
  e.chance.seed(e.schedule);
  block_size = block;
  grid_size = grid;
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        block_index = {x, y, z};
        prepare(e);
        if (const char* problem = run_block(e)) return problem;
      }
  return nullptr;
}

}  // namespace emu
