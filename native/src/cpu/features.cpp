#include "cpu/features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

// What is emulated says so, so that no test takes it for the instructions themselves.
#if defined(SRM_EMULATE_AVX_VNNI)
#define SRM_NAME_OF_AVX_VNNI " avx_vnni (emulated)"
#else
#define SRM_NAME_OF_AVX_VNNI " avx_vnni"
#endif
#if defined(SRM_EMULATE_AMX)
#define SRM_NAME_OF_AMX " amx_bf16 (emulated)"
#else
#define SRM_NAME_OF_AMX " amx_bf16"
#endif

namespace srm {

#if defined(__x86_64__)
namespace {

/// Whether leaf 7, subleaf 1 of CPUID has a bit of EAX.
bool has_extension(unsigned bit) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << bit)) != 0;
}

#if defined(SRM_EMULATE_AMX)
bool has_amx() { return true; }
#else
// Linux hands out the 8 KiB of tile registers on request, once for the whole process.
bool has_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kAll = 1u << 22 | 1u << 24 | 1u << 25;  // AMX-BF16, AMX-TILE, AMX-INT8
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kAll) != kAll) return false;
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
}
#endif

}  // namespace

bool supports(Cpu needed) {
  // __builtin_cpu_supports also asks the operating system (xgetbv) whether it saves the registers.
  switch (needed) {
    case Cpu::kAny: return true;
    case Cpu::kAvx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Cpu::kAvx512:
      return supports(Cpu::kAvx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#if defined(SRM_EMULATE_AVX_VNNI)
    case Cpu::kAvxVnni: return supports(Cpu::kAvx512Vnni);  // by the same instruction of AVX-512
#else
    case Cpu::kAvxVnni: return supports(Cpu::kAvx2) && has_extension(4);
#endif
    case Cpu::kAvx512Vnni: return supports(Cpu::kAvx512) && __builtin_cpu_supports("avx512vnni");
    case Cpu::kAvx512Bf16: return supports(Cpu::kAvx512Vnni) && has_extension(5);
    case Cpu::kAmxBf16: return supports(Cpu::kAvx512Bf16) && has_amx();
  }
  return false;
}

bool is_faster(Cpu needed) { return needed != Cpu::kAvx512Bf16 || __builtin_cpu_is("intel") == 0; }
#else
bool supports(Cpu needed) { return needed == Cpu::kAny; }
bool is_faster(Cpu) { return true; }
#endif

std::string supported_names() {
  std::string names;
  if (supports(Cpu::kAvx2)) names += " avx2";
  if (supports(Cpu::kAvxVnni)) names += SRM_NAME_OF_AVX_VNNI;
  if (supports(Cpu::kAvx512)) names += " avx512";
  if (supports(Cpu::kAvx512Vnni)) names += " avx512_vnni";
  if (supports(Cpu::kAvx512Bf16)) names += " avx512_bf16";
  if (supports(Cpu::kAmxBf16)) names += SRM_NAME_OF_AMX;
  return names.empty() ? "scalar" : names.substr(1);
}

}  // namespace srm
