#include "cpu/ops/matmul_int8.h"

#include "cpu/ops/matmul_kernel.h"

#define SRM_KERNEL_FILE "cpu/ops/matmul_int8_kernel.inc"
#define SRM_VNNI_KERNEL_FILE "cpu/ops/matmul_int8_dot_kernel.inc"
#include "cpu/foreach_isa.h"
