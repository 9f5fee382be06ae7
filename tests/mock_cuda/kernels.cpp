// The kernels that SRM_KERNEL has made known, by name.
#include <map>
#include <string>

#include "emulation.h"

namespace emu {

namespace {
std::map<std::string, Kernel>& kernels() {
  static std::map<std::string, Kernel> all;
  return all;
}
}  // namespace

void add_kernel(Kernel kernel) { kernels().emplace(kernel.name, kernel); }

const Kernel* find_kernel(const char* name) {
  auto found = kernels().find(name);
  return found == kernels().end() ? nullptr : &found->second;
}

}  // namespace emu
