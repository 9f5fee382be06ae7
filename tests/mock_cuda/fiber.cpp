// The switch of fiber.h.
#include "fiber.h"

#if defined(__x86_64__)
asm(R"(
.text
.globl srm_switch_fiber
.hidden srm_switch_fiber
.type srm_switch_fiber, @function
srm_switch_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size srm_switch_fiber, .-srm_switch_fiber
)");
#endif
