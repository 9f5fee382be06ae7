/* Writes the size of every struct of sparserm.h and the place of every field, and compares the sizes with the library's own. */
#include <sparserm.h>
#include <stddef.h>

#include "check.h"

#define STRUCT(which, type)                                 \
  EXPECT(srm_struct_size(which) == (int64_t)sizeof(type)); \
  printf("%s %zu\n", #type, sizeof(type))
#define FIELD(type, field) printf("%s.%s %zu %zu\n", #type, #field, offsetof(type, field), sizeof(((type *)0)->field))

int main(void) {
  EXPECT(srm_abi_version() == SRM_ABI_VERSION);
  printf("SRM_ABI_VERSION %d\n", SRM_ABI_VERSION);
  STRUCT(0, srm_call);
  FIELD(srm_call, struct_size);
  FIELD(srm_call, progress);
  FIELD(srm_call, user);
  FIELD(srm_call, cancel);
  STRUCT(1, srm_text);
  FIELD(srm_text, data);
  FIELD(srm_text, length);
  STRUCT(2, srm_message);
  FIELD(srm_message, role);
  FIELD(srm_message, content);
  FIELD(srm_message, fields);
  STRUCT(3, srm_backbone_options);
  FIELD(srm_backbone_options, struct_size);
  FIELD(srm_backbone_options, model);
  FIELD(srm_backbone_options, backend);
  FIELD(srm_backbone_options, variants);
  FIELD(srm_backbone_options, compute);
  FIELD(srm_backbone_options, chat_template);
  FIELD(srm_backbone_options, threads);
  FIELD(srm_backbone_options, layer);
  FIELD(srm_backbone_options, truncation);
  FIELD(srm_backbone_options, ids_only);
  FIELD(srm_backbone_options, max_batch_tokens);
  FIELD(srm_backbone_options, prefix_cache_bytes);
  FIELD(srm_backbone_options, queue_requests);
  FIELD(srm_backbone_options, queue_tokens);
  FIELD(srm_backbone_options, progress);
  FIELD(srm_backbone_options, user);
  FIELD(srm_backbone_options, cancel);
  STRUCT(4, srm_input);
  FIELD(srm_input, struct_size);
  FIELD(srm_input, kind);
  FIELD(srm_input, prompt);
  FIELD(srm_input, text);
  FIELD(srm_input, messages);
  FIELD(srm_input, message_count);
  FIELD(srm_input, ids);
  FIELD(srm_input, id_count);
  FIELD(srm_input, answer_start);
  FIELD(srm_input, answer_end);
  STRUCT(5, srm_score_options);
  FIELD(srm_score_options, struct_size);
  FIELD(srm_score_options, priority);
  FIELD(srm_score_options, deadline_ms);
  FIELD(srm_score_options, aggregate);
  FIELD(srm_score_options, doubt);
  FIELD(srm_score_options, novelty);
  FIELD(srm_score_options, progress);
  FIELD(srm_score_options, user);
  FIELD(srm_score_options, cancel);
  STRUCT(6, srm_result);
  FIELD(srm_result, struct_size);
  FIELD(srm_result, status);
  FIELD(srm_result, score);
  FIELD(srm_result, error);
  FIELD(srm_result, error_capacity);
  FIELD(srm_result, standard_deviation);
  FIELD(srm_result, novelty);
  FIELD(srm_result, tokens);
  FIELD(srm_result, components);
  FIELD(srm_result, component_capacity);
  STRUCT(7, srm_counts);
  FIELD(srm_counts, waiting_requests);
  FIELD(srm_counts, sequences);
  STRUCT(8, srm_fit_options);
  FIELD(srm_fit_options, backbone);
  FIELD(srm_fit_options, sae);
  FIELD(srm_fit_options, data);
  FIELD(srm_fit_options, output);
  FIELD(srm_fit_options, cache);
  FIELD(srm_fit_options, position);
  FIELD(srm_fit_options, input);
  FIELD(srm_fit_options, loss);
  FIELD(srm_fit_options, aggregate);
  FIELD(srm_fit_options, layer);
  FIELD(srm_fit_options, k);
  FIELD(srm_fit_options, hidden_units);
  FIELD(srm_fit_options, max_epochs);
  FIELD(srm_fit_options, seeds);
  FIELD(srm_fit_options, heads);
  FIELD(srm_fit_options, skip_bad);
  FIELD(srm_fit_options, reserved);
  FIELD(srm_fit_options, margin);
  FIELD(srm_fit_options, held_out_fraction);
  FIELD(srm_fit_options, seed);
  FIELD(srm_fit_options, pairs);
  FIELD(srm_fit_options, progress);
  FIELD(srm_fit_options, user);
  FIELD(srm_fit_options, cancel);
  STRUCT(9, srm_fit_result);
  FIELD(srm_fit_result, pairs);
  FIELD(srm_fit_result, held_out_pairs);
  FIELD(srm_fit_result, skipped_rows);
  FIELD(srm_fit_result, training_accuracy);
  FIELD(srm_fit_result, held_out_accuracy);
  return 0;
}
