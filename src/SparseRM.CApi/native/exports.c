/*
 * The exports of sparserm.h: each starts the managed runtime where it must and goes on in the managed function of the
 * same name (Exports.*.cs). Where the runtime cannot start a function fails with SRM_DEVICE, where its thread is ending
 * with SRM_USAGE, and leaves what a failure leaves: no handle, no score.
 */
#include <math.h>
#include <stddef.h>

#include "start.h"

static const char cannot_start[] =
    "out of memory: the library's runtime finds no addresses to start with; raise the limit of the process (ulimit -v)";

static const char thread_ends[] =
    "the thread is ending and cannot call the library any more; call it before the destructors of the thread's keys run";

/* SRM_OK where the runtime can be called, else why not. */
static srm_status refused(void) {
  if (!srm_started()) {
    srm_keep_error(SRM_DEVICE, cannot_start, (int64_t)sizeof cannot_start - 1);
    return SRM_DEVICE;
  }
  if (srm_thread_ends()) {
    srm_keep_error(SRM_USAGE, thread_ends, (int64_t)sizeof thread_ends - 1);
    return SRM_USAGE;
  }
  return SRM_OK;
}

static void no_results(srm_status status, srm_result* results, int64_t count) {
  for (int64_t i = 0; results != NULL && i < count && results[i].struct_size == (int64_t)sizeof *results; i++) {
    results[i].status = status;
    results[i].score = NAN;
    results[i].standard_deviation = results[i].novelty = NAN;
    results[i].tokens = 0;
    float* components = results[i].components;
    for (int64_t c = 0; components != NULL && c < results[i].component_capacity; c++) components[c] = NAN;
    if (results[i].error != NULL && results[i].error_capacity > 0) results[i].error[0] = 0;
  }
}

#define CLEAR(place, value) \
  if ((place) != NULL) *(place) = (value)

#define FORWARD(name, parameters, arguments, otherwise)                         \
  srm_status managed_##name parameters;                                         \
  srm_status name parameters {                                                  \
    const srm_status status = refused();                                        \
    if (status == SRM_OK) return managed_##name arguments;                      \
    otherwise;                                                                  \
    return status;                                                              \
  }

/* ---- What needs no runtime, or answers without; srm_last_error and srm_last_status are in last_error.c. ---- */

int32_t srm_abi_version(void) { return SRM_ABI_VERSION; }

const char* srm_version(void) { return SRM_VERSION; }

#define NAME(status) [status] = #status
const char* srm_status_name(srm_status status) {
  static const char* const names[] = {
      NAME(SRM_OK),      NAME(SRM_USAGE),    NAME(SRM_DATA),   NAME(SRM_MODEL),    NAME(SRM_MISMATCH),
      NAME(SRM_NUMERIC), NAME(SRM_DEVICE),   NAME(SRM_FULL),   NAME(SRM_DEADLINE), NAME(SRM_CANCELLED),
      NAME(SRM_CLOSED),  NAME(SRM_INTERNAL), NAME(SRM_HANDLE), NAME(SRM_STRUCT),   NAME(SRM_BUFFER),
  };
  return status >= SRM_OK && status <= SRM_BUFFER ? names[status] : "unknown status";
}

int64_t managed_srm_struct_size(int32_t which);
int64_t srm_struct_size(int32_t which) {
  return srm_started() && !srm_thread_ends() ? managed_srm_struct_size(which) : 0;
}

int64_t managed_srm_open_handles(void);
int64_t srm_open_handles(void) {
  return !srm_started() ? 0 : srm_thread_ends() ? -1 : managed_srm_open_handles();
}

/* ---- All others, in the header's order. ---- */

FORWARD(srm_set_log, (srm_log_fn log, void* user), (log, user), (void)0)
FORWARD(srm_cancel_create, (srm_canceller * cancel), (cancel), CLEAR(cancel, NULL))
FORWARD(srm_cancel, (srm_canceller cancel), (cancel), (void)0)
FORWARD(srm_cancel_close, (srm_canceller cancel), (cancel), (void)0)
FORWARD(srm_backbone_open, (const srm_backbone_options* options, srm_backbone* backbone), (options, backbone),
        CLEAR(backbone, NULL))
FORWARD(srm_backbone_close, (srm_backbone backbone), (backbone), (void)0)
FORWARD(srm_backbone_describe, (srm_backbone backbone, char* buffer, int64_t capacity, int64_t* needed),
        (backbone, buffer, capacity, needed), (void)0)
FORWARD(srm_backbone_counts, (srm_backbone backbone, srm_counts* counts), (backbone, counts), (void)0)
FORWARD(srm_reward_open, (const char* path, const char* sae, const srm_backbone_options* options, srm_reward* reward),
        (path, sae, options, reward), CLEAR(reward, NULL))
FORWARD(srm_reward_attach,
        (srm_backbone backbone, const char* path, const char* sae, const srm_call* call, srm_reward* reward),
        (backbone, path, sae, call, reward), CLEAR(reward, NULL))
FORWARD(srm_reward_backbone, (srm_reward reward, srm_backbone* backbone), (reward, backbone), CLEAR(backbone, NULL))
FORWARD(srm_reward_describe, (srm_reward reward, char* buffer, int64_t capacity, int64_t* needed),
        (reward, buffer, capacity, needed), (void)0)
FORWARD(srm_reward_close, (srm_reward reward), (reward), (void)0)
FORWARD(srm_score,
        (srm_reward reward, const char* prompt, int64_t prompt_length, const char* answer, int64_t answer_length,
         float* score),
        (reward, prompt, prompt_length, answer, answer_length, score), CLEAR(score, NAN))
FORWARD(srm_score_batch,
        (srm_reward reward, const srm_input* inputs, int64_t count, const srm_score_options* options,
         srm_result* results),
        (reward, inputs, count, options, results), no_results(status, results, count))
FORWARD(srm_score_group,
        (srm_reward reward, const srm_message* prompt, int64_t prompt_count, const srm_text* answers,
         int64_t answer_count, const srm_score_options* options, srm_result* results),
        (reward, prompt, prompt_count, answers, answer_count, options, results),
        no_results(status, results, answer_count))
FORWARD(srm_score_async,
        (srm_reward reward, const srm_input* inputs, int64_t count, const srm_score_options* options, srm_done_fn done,
         void* user),
        (reward, inputs, count, options, done, user), (void)0)
FORWARD(srm_score_tokens,
        (srm_reward reward, const srm_input* input, int32_t unit, const srm_score_options* options, float* scores,
         int32_t* positions, int64_t capacity, int64_t* count),
        (reward, input, unit, options, scores, positions, capacity, count), CLEAR(count, 0))
FORWARD(srm_explain,
        (srm_reward reward, const srm_input* input, int32_t directions, int32_t tokens,
         const srm_score_options* options, char* buffer, int64_t capacity, int64_t* needed),
        (reward, input, directions, tokens, options, buffer, capacity, needed), (void)0)
FORWARD(srm_session_open, (srm_reward reward, const srm_message* prompt, int64_t prompt_count, srm_session* session),
        (reward, prompt, prompt_count, session), CLEAR(session, NULL))
FORWARD(srm_session_open_ids, (srm_reward reward, const int32_t* ids, int64_t count, srm_session* session),
        (reward, ids, count, session), CLEAR(session, NULL))
FORWARD(srm_session_append, (srm_session session, const int32_t* ids, int64_t count), (session, ids, count), (void)0)
FORWARD(srm_session_set_answer, (srm_session session, const char* answer, int64_t length), (session, answer, length),
        (void)0)
FORWARD(srm_session_score, (srm_session session, const srm_score_options* options, float* score),
        (session, options, score), CLEAR(score, NAN))
FORWARD(srm_session_length, (srm_session session, int64_t* length), (session, length), CLEAR(length, 0))
FORWARD(srm_session_fork, (srm_session session, srm_session* fork), (session, fork), CLEAR(fork, NULL))
FORWARD(srm_session_close, (srm_session session), (session), (void)0)
FORWARD(srm_encode,
        (srm_backbone backbone, const srm_input* input, int32_t* ids, int64_t capacity, int64_t* count,
         int64_t* answer_start, int64_t* answer_end),
        (backbone, input, ids, capacity, count, answer_start, answer_end), CLEAR(count, 0))
FORWARD(srm_hidden_states,
        (srm_backbone backbone, const srm_input* input, int32_t layer, const srm_call* call, float* states,
         int64_t capacity, int64_t* rows, int64_t* columns),
        (backbone, input, layer, call, states, capacity, rows, columns), (void)0)
FORWARD(srm_sae_open, (srm_backbone backbone, const char* path, const srm_call* call, srm_sae* sae),
        (backbone, path, call, sae), CLEAR(sae, NULL))
FORWARD(srm_sae_width, (srm_sae sae, int64_t* d_in, int64_t* d_sae, int32_t* layer), (sae, d_in, d_sae, layer), (void)0)
FORWARD(srm_sae_encode_dense,
        (srm_sae sae, const float* states, int64_t rows, const srm_call* call, float* activations, int64_t capacity),
        (sae, states, rows, call, activations, capacity), (void)0)
FORWARD(srm_sae_encode_sparse,
        (srm_sae sae, const float* states, int64_t rows, const srm_call* call, int64_t* row_starts, int32_t* latents,
         float* values, int64_t capacity, int64_t* count),
        (sae, states, rows, call, row_starts, latents, values, capacity, count), CLEAR(count, 0))
FORWARD(srm_sae_close, (srm_sae sae), (sae), (void)0)
FORWARD(srm_fit, (const srm_fit_options* options, srm_fit_result* result), (options, result), (void)0)
