// cp.async: copies that are carried out when their thread waits for them.
#include "emulation.h"

namespace emu {

namespace {

void carry_out(const std::vector<AsyncCopy>& group) {
  for (const AsyncCopy& copy : group) {
    std::memcpy(copy.to, copy.from, copy.source_bytes);
    std::memset(static_cast<char*>(copy.to) + copy.source_bytes, 0, copy.bytes - copy.source_bytes);
  }
}

}  // namespace

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

}  // namespace emu
