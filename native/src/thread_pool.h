#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace srm {

/// Persistent workers that share out numbered tasks. A task's result may not depend on who runs it; then results are
/// the same for any count.
class ThreadPool {
 public:
  /// threads counts the caller; 0 for one per processor that this process may run on. Throws Error where the
  /// system starts fewer.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Runs body(task, worker) for tasks 0..tasks-1, worker < threads(), and returns when all are done. body must not
  /// throw. One caller at a time, which is the ABI's to see to: a second one's run would take the first one's tasks.
  template <class Body>
  void run(int64_t tasks, const Body& body) {
    if (tasks <= 1 || workers_.empty()) {
      for (int64_t task = 0; task < tasks; task++) body(task, 0);
      return;
    }
    run_shared(
        tasks, [](const void* b, int64_t task, int worker) { (*static_cast<const Body*>(b))(task, worker); }, &body);
  }

 private:
  using Call = void (*)(const void* body, int64_t task, int worker);

  void run_shared(int64_t tasks, Call call, const void* body);
  void work(int worker);
  void join();
  void drain(int worker, uint32_t epoch);

  std::vector<std::thread> workers_;
  // What a run is: changed only while ticket_ is closed, so that who takes a ticket has read those of its run.
  std::atomic<Call> call_{nullptr};
  std::atomic<const void*> body_{nullptr};
  std::atomic<int64_t> tasks_{0};
  // The run's number (upper half) and its next task (lower half; kClosed while a run is set up). A worker that comes
  // late finds another number or no task left, and touches nothing of a run that is over: nobody waits for it.
  alignas(64) std::atomic<uint64_t> ticket_{0};
  alignas(64) std::atomic<uint32_t> epoch_{0};
  alignas(64) std::atomic<int64_t> done_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace srm
