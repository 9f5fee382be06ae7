#pragma once

#include <atomic>
#include <cstdint>

namespace srm {

/// The first failure of the tasks that read; a task may not throw.
class ReadFailure {
 public:
  void note(int error);
  /// Throws the failure, SRMK_UNREADABLE, if there was one.
  void check() const;

 private:
  std::atomic<int> error_{0};
};

/// Weights as they lie: in memory, or in a file from which every task reads what it needs into its own buffer. Files
/// are not mapped: reading into a buffer that stays in the second cache is faster than page faults, leaves none of the
/// file resident, and a file that shrinks is an error and not a signal.
struct WeightBytes {
  const void* memory;  // null: in the file
  int file;
  int64_t offset;

  /// Bytes [start, start + count): in memory, or read into buffer. After a failure they are zeros.
  const char* at(int64_t start, int64_t count, char* buffer, ReadFailure& failure) const;

  /// Asks the system for the steps of a file that begin in [from, to), and does not wait. The tasks' reads are too
  /// short and too interleaved for it to see by itself what comes next.
  void read_ahead(int64_t from, int64_t to) const;
};

}  // namespace srm
