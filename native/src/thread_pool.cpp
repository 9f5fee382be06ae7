#include "thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <string>

#include "error.h"

namespace srm {
namespace {

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Long enough to bridge the gap between two ops of a forward pass, short enough to leave the processor to others when
/// idle.
constexpr int kSpins = 4000;

int processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  int count = threads > 0 ? threads : processors();
  workers_.reserve(count - 1);
  try {
    for (int worker = 1; worker < count; worker++) workers_.emplace_back([this, worker] { work(worker); });
  } catch (const std::exception&) {
    size_t started = workers_.size() + 1;
    // No destructor follows a constructor that throws, and a std::thread that is not joined ends the process.
    join();
    throw Error(SRMK_OUT_OF_MEMORY, "only " + std::to_string(started) + " of " + std::to_string(count) +
                                        " threads could be started; ask for fewer with --threads");
  }
}

ThreadPool::~ThreadPool() { join(); }

void ThreadPool::join() {
  stop_.store(true);
  epoch_.fetch_add(1);
  epoch_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run_shared(int64_t tasks, Call call, const void* body) {
  call_ = call;
  body_ = body;
  tasks_ = tasks;
  next_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  drain(0);
  // Every worker must have left before the body, which lives on the caller's stack, may go.
  for (int spin = 0;; spin++) {
    int busy = busy_.load(std::memory_order_acquire);
    if (busy == 0) return;
    if (spin < kSpins) {
      pause();
    } else {
      busy_.wait(busy, std::memory_order_acquire);
    }
  }
}

void ThreadPool::drain(int worker) {
  for (int64_t task; (task = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) call_(body_, task, worker);
}

void ThreadPool::work(int worker) {
  uint32_t seen = 0;
  while (true) {
    uint32_t epoch;
    for (int spin = 0; (epoch = epoch_.load(std::memory_order_acquire)) == seen; spin++) {
      if (spin < kSpins) {
        pause();
      } else {
        epoch_.wait(seen, std::memory_order_acquire);
      }
    }
    seen = epoch;
    if (stop_.load()) return;
    drain(worker);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_all();
  }
}

}  // namespace srm
