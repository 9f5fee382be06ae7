#include "cpu/own_kernel.h"

#include <dlfcn.h>

#include <algorithm>
#include <string>

#include "srm_kernel.h"

namespace srm {
namespace {

decltype(&srm_kernel_multiply) g_multiply = nullptr;
MatMulKernel g_kernel;

void multiply(const Operand& x, int64_t first_block, int64_t end_block, const srmk_matrix& w, int64_t panel,
              const float* bias, float* c, int64_t c_stride) {
  const int64_t output = panel * kPanel, first = x.first_row(first_block);
  const bool integers = w.storage == SRMK_I8;
  srm_kernel_task task{};
  task.rows = std::min(x.rows, x.first_row(end_block)) - first;
  task.inputs = w.inputs;
  task.outputs = std::min(kPanel, w.outputs - output);
  task.type = x.compute;
  task.weights = w.storage;
  task.x = x.block(first_block);
  task.w = w.words(panel);
  task.row_scales = integers ? x.scales() + first : nullptr;
  task.scales = integers ? w.scales() + output : nullptr;
  task.offsets = integers ? w.offsets() + output : nullptr;
  task.bias = bias == nullptr ? nullptr : bias + output;
  task.y = c;
  task.y_stride = c_stride;
  g_multiply(&task);
}

template <class Function>
Function find(void* library, const char* name) {
  auto function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw Error(SRMK_INVALID_ARGUMENT, std::string("it has no function ") + name);
  return function;
}

}  // namespace

void load_own_kernel(const char* path) {
  require(own_kernel() == nullptr, "a process has one kernel of its user's own");
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw Error(SRMK_INVALID_ARGUMENT, std::string("it cannot be loaded: ") + dlerror());
  const int32_t abi = find<decltype(&srm_kernel_abi)>(library, "srm_kernel_abi")();
  if (abi != SRM_KERNEL_ABI)
    throw Error(SRMK_INVALID_ARGUMENT,
                "it speaks kernel ABI " + std::to_string(abi) + ", this build needs " + std::to_string(SRM_KERNEL_ABI));
  auto takes = find<decltype(&srm_kernel_takes)>(library, "srm_kernel_takes");
  auto product = find<decltype(&srm_kernel_multiply)>(library, "srm_kernel_multiply");
  auto of = [&](int32_t type) { return takes(type) != 0 ? multiply : nullptr; };
  const MatMulKernel kernel = {of(SRMK_F32), of(SRMK_BF16), nullptr, of(SRMK_I8)};
  require(kernel.multiply != nullptr || kernel.dot != nullptr || kernel.integers != nullptr,
          "it takes no type of products");
  g_kernel = kernel;
  g_multiply = product;
}

const MatMulKernel* own_kernel() { return g_multiply == nullptr ? nullptr : &g_kernel; }

}  // namespace srm
