#pragma once

#include "backend.h"
#include "variant.h"

namespace srm {

/// The variants of an op (SRMK_OP_*).
VariantList variants_of(int op);

/// One of them, or behind the last of MatMul the user's own.
VariantInfo variant_of(int op, int index);

/// The variant whose kernels compute an op in a type where this one is selected: itself, or an earlier one.
int computing_variant(int op, int index, int compute);

/// Sets every op to the last proven variant that this machine supports and that is faster there.
void select_defaults(srmk_backend& backend);

}  // namespace srm
