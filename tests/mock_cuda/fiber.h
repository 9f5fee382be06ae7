// A stack of one's own and a switch to it. On x86-64 a dozen instructions, since swapcontext makes a system call.
#pragma once
#include <cstddef>
#include <cstdint>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emu {

inline constexpr size_t kStackBytes = 64 << 10;

#if defined(__x86_64__)

// Saves the callee's registers and the stack pointer, then goes on where `to` was saved.
extern "C" void srm_switch_fiber(void** from, void* to);

class Fiber {
 public:
  // Ready to run `entry`, which must never return, on a stack that ends at `stack + kStackBytes`.
  void prepare(unsigned char* stack, void (*entry)()) {
    auto* top = reinterpret_cast<uint64_t*>(reinterpret_cast<uintptr_t>(stack + kStackBytes) & ~uintptr_t{15});
    top[-2] = reinterpret_cast<uint64_t>(entry);  // where the switch returns to
    for (int i = 3; i <= 8; i++) top[-i] = 0;     // rbp, rbx, r12 to r15
    at_ = top - 8;
  }
  void switch_to(Fiber& other) { srm_switch_fiber(&at_, other.at_); }

 private:
  void* at_ = nullptr;
};

#else

class Fiber {
 public:
  void prepare(unsigned char* stack, void (*entry)()) {
    getcontext(&context_);
    context_.uc_stack = {stack, 0, kStackBytes};
    context_.uc_link = nullptr;
    makecontext(&context_, entry, 0);
  }
  void switch_to(Fiber& other) { swapcontext(&context_, &other.context_); }

 private:
  ucontext_t context_{};
};

#endif

}  // namespace emu
