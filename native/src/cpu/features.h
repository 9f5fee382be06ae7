#pragma once

#include <string>

namespace srm {

/// Instruction sets that variants ask for; each includes those before it, but for AVX-VNNI, which only includes AVX2.
enum class Cpu { kAny, kAvx2, kAvxVnni, kAvx512, kAvx512Vnni, kAvx512Bf16, kAmxBf16 };

/// Whether processor and operating system can run it; for AMX the first call asks the system for the tiles' registers.
bool supports(Cpu needed);

/// Whether kernels that need it are faster on this processor than those before them. Not so bf16 products on Intel's:
/// a vdpbf16ps takes as long there as four fused multiply-adds that do the work of two of them.
bool is_faster(Cpu needed);

/// "avx2 avx_vnni avx512 avx512_vnni avx512_bf16 amx_bf16", as far as they are there.
std::string supported_names();

}  // namespace srm
