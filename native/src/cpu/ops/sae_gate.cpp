#include "cpu/ops/sae_gate.h"

#define SRM_KERNEL_FILE "cpu/ops/sae_gate_kernel.inc"
#include "cpu/foreach_isa.h"

namespace srm {

const SaeGateKernel& sae_gate_kernel(Cpu cpu) {
#if defined(__x86_64__)
  if (cpu >= Cpu::kAvx512) return avx512::kSaeGate;
  if (cpu >= Cpu::kAvx2) return avx2::kSaeGate;
#endif
  static_cast<void>(cpu);
  return scalar::kSaeGate;
}

}  // namespace srm
