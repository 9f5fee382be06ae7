#pragma once

#include "cpu/ops/matmul_kernel.h"

namespace srm {

/// Loads a kernel of the user's own (include/srm_kernel.h), the only one of the process, as a variant of MatMul. Throws
/// what is wrong with it.
void load_own_kernel(const char* path);

/// The loaded one, or null.
const MatMulKernel* own_kernel();

}  // namespace srm
