// Operands and launches for kernels that are run without the driver.
#pragma once
#include <vector>

#include "srm_cuda/math.cuh"

// Rows of bf16 that begin at multiples of 16 bytes, with numbers by chance in [-1, 1) and `padding` behind them.
struct Operand {
  Operand(int rows, int columns, srm::u32 seed, float padding = 0)
      : rows(rows), columns(columns), stride((columns + 7) / 8 * 8), elements(rows * stride + 8) {
    first = elements.data();
    while (reinterpret_cast<uintptr_t>(first) % 16 != 0) first++;
    for (int i = 0; i < rows * stride; i++) {
      if (i % stride < columns) seed = seed * 1664525u + 1013904223u;
      first[i] = srm::to_bf16(i % stride < columns ? static_cast<float>(seed >> 8) / (1 << 23) - 1.0f : padding);
    }
  }
  int rows, columns, stride;
  std::vector<srm::bf16> elements;
  srm::bf16* first;
};

// A sentence about what went wrong; the kernel's name where it takes other parameters.
template <typename... Args>
const char* launch_alone(const char* name, dim3 grid, unsigned threads, size_t shared, Args... arguments) {
  void* values[] = {&arguments...};
  const emu::Kernel* kernel = emu::find_kernel(name);
  bool fits = kernel != nullptr && kernel->parameters.size() == sizeof...(Args);
  const size_t sizes[] = {sizeof(Args)...};
  for (size_t i = 0; fits && i < sizeof...(Args); i++) fits = kernel->parameters[i].size == sizes[i];
  return fits ? emu::run_grid(*kernel, grid, {threads, 1, 1}, shared, values) : name;
}
