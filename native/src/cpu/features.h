#pragma once

#include <string>

namespace srm {

/// Instruction sets that variants ask for; each includes those before it, but for AVX-VNNI, which only includes AVX2.
enum class Cpu { kAny, kAvx2, kAvxVnni, kAvx512, kAvx512Vnni, kAvx512Bf16, kAmxBf16 };

/// Whether processor and operating system can run it; for AMX the first call asks the system for the tiles' registers.
bool supports(Cpu needed);

/// Whether variants that need it are the fastest here. The dot products of AVX512-BF16 are not on Intel's processors from Sapphire
/// Rapids on: one starts every second cycle there, while two fused multiply-adds of widened weights start in each (169
/// against 349 GFLOP/s at most, measured on two cores of Emerald Rapids). AMD's and Cooper Lake's are as fast as those.
bool pays(Cpu needed);

/// "avx2 avx_vnni avx512 avx512_vnni avx512_bf16 amx_bf16", as far as they are there.
std::string supported_names();

}  // namespace srm
