#include "registry.h"

#include "cpu/ops.h"

namespace srm {

VariantList variants_of(int op) {
  static constexpr VariantInfo kScalarOnly[] = {{"scalar", Cpu::kAny, true}};
  switch (op) {
    case SRMK_OP_RMS_NORM: return rms_norm_variants();
    case SRMK_OP_ADD_RMS_NORM: return add_rms_norm_variants();
    case SRMK_OP_PACK: return pack_variants();
    case SRMK_OP_MATMUL: return matmul_variants();
    case SRMK_OP_GATED_MATMUL: return gated_matmul_variants();
    case SRMK_OP_ROPE: return rope_variants();
    case SRMK_OP_ATTENTION: return attention_variants();
    case SRMK_OP_GATED_ACTIVATION: return gated_activation_variants();
    case SRMK_OP_SAE_ENCODE: return sae_encode_variants();
    case SRMK_OP_SCORE: return score_variants();
    default:
      // Memory sets their pace: no variant won anything; or the managed side composes them of others.
      return {kScalarOnly, 1};
  }
}

VariantInfo variant_of(int op, int index) {
  const VariantList list = variants_of(op);
  return index < list.count ? list.items[index] : VariantInfo{"own", Cpu::kAny, false};
}

int computing_variant(int op, int index, int compute) {
  switch (op) {
    case SRMK_OP_MATMUL:
    case SRMK_OP_GATED_MATMUL:
    case SRMK_OP_SAE_ENCODE: return matmul_computing(index, compute);
    case SRMK_OP_ATTENTION: return attention_computing(index, compute);
    default: return index;
  }
}

void select_defaults(srmk_backend& backend) {
  for (int op = 0; op < SRMK_OP_COUNT; op++) {
    VariantList list = variants_of(op);
    for (int i = 0; i < list.count; i++)
      if (list.items[i].proven && supports(list.items[i].needs) && is_faster(list.items[i].needs))
        backend.selected[op] = i;
  }
}

}  // namespace srm
