#pragma once

#include "backend.h"
#include "matrix.h"

namespace srm {

/// Rows of weights, which are outputs from first_output on, into the panels of a matrix in int8, each with a scale of
/// its own: the arithmetic is that of an operand's rows. Index of the first element that is not finite, or -1.
int64_t pack_int8(srmk_backend& backend, const srmk_matrix& matrix, const void* source, int dtype, int64_t first_output,
                  int64_t outputs);

}  // namespace srm
