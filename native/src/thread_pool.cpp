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

constexpr uint32_t kClosed = 0xFFFFFFFF;

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
                                        " threads could be started; ask for fewer");
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
  const uint32_t epoch = epoch_.load(std::memory_order_relaxed) + 1;
  ticket_.store(static_cast<uint64_t>(epoch) << 32 | kClosed, std::memory_order_relaxed);
  // Whoever reads one of these reads the closed ticket, too, when he takes it.
  call_.store(call, std::memory_order_release);
  body_.store(body, std::memory_order_release);
  tasks_.store(tasks, std::memory_order_release);
  done_.store(0, std::memory_order_relaxed);
  ticket_.store(static_cast<uint64_t>(epoch) << 32, std::memory_order_release);
  epoch_.store(epoch, std::memory_order_release);
  // Those for whom there is work: the caller takes a task himself.
  if (tasks > static_cast<int64_t>(workers_.size())) {
    epoch_.notify_all();
  } else {
    for (int64_t task = 1; task < tasks; task++) epoch_.notify_one();
  }
  drain(0, epoch);
  for (int spin = 0;; spin++) {
    int64_t done = done_.load(std::memory_order_acquire);
    if (done == tasks) return;
    if (spin < kSpins) {
      pause();
    } else {
      done_.wait(done, std::memory_order_acquire);
    }
  }
}

void ThreadPool::drain(int worker, uint32_t epoch) {
  for (uint64_t ticket = ticket_.load(std::memory_order_acquire);;) {
    if (static_cast<uint32_t>(ticket >> 32) != epoch) return;
    const int64_t task = static_cast<int64_t>(ticket & kClosed), tasks = tasks_.load(std::memory_order_acquire);
    Call call = call_.load(std::memory_order_acquire);
    const void* body = body_.load(std::memory_order_acquire);
    if (task == kClosed || task >= tasks) return;
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel, std::memory_order_acquire))
      continue;
    call(body, task, worker);
    if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == tasks && worker != 0) done_.notify_one();
    ticket = ticket_.load(std::memory_order_acquire);
  }
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
    drain(worker, epoch);
  }
}

}  // namespace srm
