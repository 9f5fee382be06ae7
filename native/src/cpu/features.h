#pragma once

#include <string>

namespace srm {

/// Instruction sets that variants ask for; each includes those before it.
enum class Cpu { kAny, kAvx2, kAvx512, kAvx512Bf16, kAmxBf16 };

/// Whether processor and operating system can run it; for AMX the first call asks the system for the tiles' registers.
bool supports(Cpu needed);

/// "avx2 avx512 avx512_bf16 amx_bf16", as far as they are there.
std::string supported_names();

}  // namespace srm
