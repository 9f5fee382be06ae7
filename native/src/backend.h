#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "error.h"
#include "sae_result.h"
#include "srm_kernels.h"
#include "thread_pool.h"

namespace srm {

/// Aligned memory that grows and is kept: what an op needs beside its operands.
class Scratch {
 public:
  /// At least bytes, 64-byte aligned; contents are lost on growth.
  void* get(size_t bytes);
  template <class T>
  T* get(size_t count) {
    return static_cast<T*>(get(count * sizeof(T)));
  }

 private:
  struct Free {
    void operator()(void* p) const;
  };
  std::unique_ptr<void, Free> memory_;
  size_t capacity_ = 0;
};

/// 64-byte aligned; large blocks on huge pages where the system has them. Throws std::bad_alloc.
void* allocate_aligned(size_t bytes);
void free_aligned(void* memory);

}  // namespace srm

struct srmk_buffer {
  float* data;
  int64_t length;
  bool widened = false;  // of the operand that it holds, see Operand
};

struct srmk_backend {
  explicit srmk_backend(int threads) : pool(threads), worker_scratch(pool.threads()) {}
  std::atomic<bool> busy{false};  // a call is running
  srm::ThreadPool pool;
  srm::Scratch shared_scratch;                // what an op's tasks share
  srm::Scratch pairs;                         // an operand narrowed for a variant that was selected after it was made
  std::vector<srm::Scratch> worker_scratch;   // one per thread
  srm::Scratch whole_rows;                    // rows in f32 that are made piece by piece and rounded to int8 when whole
  srm::Scratch sae_operand;                   // SaeEncode's packed rows
  srm::SaeResult sae;                         // of the last SaeEncode
  srm::SaeScratch sae_scratch;                // what it was gathered in
  std::array<int, SRMK_OP_COUNT> selected{};  // index of the variant in use, by op
};

namespace srm {

/// A tensor resolved to memory.
struct Rows {
  float* data;
  int64_t rows, columns, stride;
  float* row(int64_t i) const { return data + i * stride; }
};

/// Refuses a view that reaches outside its buffer.
Rows resolve(const srmk_tensor* tensor);

/// How many of the units that one task should take, so that a task is worth sharing out: about 32k elements.
int64_t grain(int64_t units, int64_t elements_per_unit);

/// Calls body(first, count, worker) over blocks of rows.
template <class Body>
void for_row_blocks(srmk_backend& backend, int64_t rows, int64_t elements_per_row, const Body& body) {
  int64_t block = grain(rows, elements_per_row);
  backend.pool.run((rows + block - 1) / block, [&](int64_t task, int worker) {
    int64_t first = task * block;
    body(first, first + block < rows ? block : rows - first, worker);
  });
}

}  // namespace srm
