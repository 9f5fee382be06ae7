/* Every way to call the library wrongly that a test can name: faults MODEL REWARD SAE. Each must give its status and one sentence. */
#include <math.h>
#include <pthread.h>
#include <sparserm.h>

#include "check.h"

static srm_backbone_options options_of(const char *model) {
  srm_backbone_options options;
  SRM_INIT(options);
  options.model = model;
  options.threads = 2;
  return options;
}

static srm_input pair(const char *prompt, const char *answer) {
  srm_input input;
  SRM_INIT(input);
  input.prompt.data = prompt;
  input.prompt.length = input.text.length = SRM_ZERO_TERMINATED;
  input.text.data = answer;
  return input;
}

static void handles(srm_backbone backbone, srm_reward reward) {
  float score;
  srm_reward copy = reward, other;
  EXPECT_FAILS(SRM_HANDLE, srm_score(NULL, "a", 1, "b", 1, &score));
  EXPECT(isnan(score));
  EXPECT_SAYS("null");
  EXPECT_FAILS(SRM_HANDLE, srm_score((srm_reward)backbone, "a", 1, "b", 1, &score));
  EXPECT_SAYS("not that of a reward");
  EXPECT_FAILS(SRM_HANDLE, srm_score((srm_reward)&score, "a", 1, "b", 1, &score));
  EXPECT_FAILS(SRM_HANDLE, srm_score((srm_reward)(intptr_t)-1, "a", 1, "b", 1, &score));
  EXPECT_FAILS(SRM_HANDLE, srm_backbone_close((srm_backbone)reward));
  EXPECT(srm_score(copy, "a", 1, "b", 1, &score) == SRM_OK && isfinite(score));
  EXPECT(srm_reward_close(copy) == SRM_OK);
  EXPECT_FAILS(SRM_HANDLE, srm_score(copy, "a", 1, "b", 1, &score));
  EXPECT_SAYS("closed");
  EXPECT_FAILS(SRM_HANDLE, srm_reward_close(copy));
  /* The next handle takes the place of the closed one, which stays closed nonetheless. */
  EXPECT(srm_cancel_create((srm_canceller *)&other) == SRM_OK);
  EXPECT_FAILS(SRM_HANDLE, srm_score(copy, "a", 1, "b", 1, &score));
  EXPECT(srm_cancel_close((srm_canceller)other) == SRM_OK);
}

static void texts(srm_reward reward) {
  float score;
  EXPECT_FAILS(SRM_USAGE, srm_score(reward, NULL, 0, "b", 1, &score));
  EXPECT_SAYS("the prompt is a null pointer");
  EXPECT_FAILS(SRM_USAGE, srm_score(reward, "a", 1, NULL, 1, &score));
  EXPECT_FAILS(SRM_USAGE, srm_score(reward, "a", -1, "b", 1, &score));
  EXPECT_SAYS("-1");
  EXPECT_FAILS(SRM_USAGE, srm_score(reward, "a", 1, "b", INT64_MIN, &score));
  EXPECT_FAILS(SRM_USAGE, srm_score(reward, "a", 1, "b", INT64_MAX - 1, &score));
  EXPECT_FAILS(SRM_USAGE, srm_score(reward, "\xff", 1, "b", 1, &score));
  EXPECT_SAYS("UTF-8");
  EXPECT_FAILS(SRM_USAGE, srm_score(reward, "\xed\xa0\x80", 3, "b", 1, &score)); /* half of a surrogate pair */
  EXPECT_FAILS(SRM_USAGE, srm_score(reward, "a", 1, "b", 1, NULL));
  EXPECT(srm_score(reward, "a\0b", 3, "", 0, &score) == SRM_OK);
}

static void structs(const char *model, const char *path, srm_backbone backbone, srm_reward reward) {
  srm_backbone_options options = options_of(model);
  srm_backbone opened = backbone;
  srm_reward attached;
  EXPECT_FAILS(SRM_STRUCT, (options.struct_size = 0, srm_backbone_open(&options, &opened)));
  EXPECT(opened == NULL);
  EXPECT_FAILS(SRM_STRUCT, (options.struct_size = sizeof options - 8, srm_backbone_open(&options, &opened)));
  EXPECT_FAILS(SRM_STRUCT, (options.struct_size = sizeof options + 8, srm_backbone_open(&options, &opened)));
  EXPECT_SAYS("newer");
  EXPECT_FAILS(SRM_USAGE, srm_backbone_open(NULL, &opened));
  options = options_of(model);
  EXPECT_FAILS(SRM_USAGE, srm_backbone_open(&options, NULL));
  EXPECT_FAILS(SRM_USAGE, (options.threads = -1, srm_backbone_open(&options, &opened)));
  EXPECT_FAILS(SRM_USAGE, (options.threads = 2, options.truncation = 9, srm_backbone_open(&options, &opened)));
  EXPECT_FAILS(SRM_USAGE, (options.truncation = 0, options.variants = "matmul", srm_backbone_open(&options, &opened)));
  EXPECT_FAILS(SRM_DEVICE, (options.variants = "matmul=none", srm_backbone_open(&options, &opened)));
  EXPECT_FAILS(SRM_DEVICE, (options.variants = NULL, options.backend = "tpu", srm_backbone_open(&options, &opened)));
  EXPECT_SAYS("tpu");
  EXPECT_FAILS(SRM_USAGE, (options.backend = NULL, options.compute = "int4", srm_backbone_open(&options, &opened)));
  EXPECT_FAILS(SRM_USAGE, (options.compute = NULL, options.model = NULL, srm_backbone_open(&options, &opened)));
  options.model = model;
  EXPECT_FAILS(SRM_USAGE, (options.max_batch_tokens = (int64_t)1 << 31, srm_backbone_open(&options, &opened)));
  EXPECT_SAYS("max batch tokens");
  EXPECT_FAILS(SRM_USAGE, (options.max_batch_tokens = 0, options.queue_requests = (int64_t)1 << 31, srm_backbone_open(&options, &opened)));
  EXPECT_SAYS("queue requests");
  EXPECT_FAILS(SRM_USAGE, (options.queue_requests = 0, options.prefix_cache_bytes = -2, srm_backbone_open(&options, &opened)));
  EXPECT_SAYS("prefix cache bytes");
  EXPECT_FAILS(SRM_HANDLE, (options.prefix_cache_bytes = 0, options.cancel = (srm_canceller)backbone, srm_backbone_open(&options, &opened)));
  EXPECT_FAILS(SRM_MODEL, srm_reward_attach(backbone, model, NULL, NULL, &attached));
  EXPECT_FAILS(SRM_USAGE, srm_reward_attach(backbone, NULL, NULL, NULL, &attached));
  EXPECT_FAILS(SRM_USAGE, srm_reward_attach(backbone, path, NULL, NULL, NULL));

  srm_input input = pair("a", "b");
  srm_result result;
  SRM_INIT(result);
  EXPECT_FAILS(SRM_STRUCT, (input.struct_size = 4, srm_score_batch(reward, &input, 1, NULL, &result)));
  input = pair("a", "b");
  EXPECT_FAILS(SRM_STRUCT, (result.struct_size = 0, srm_score_batch(reward, &input, 1, NULL, &result)));
  SRM_INIT(result);
  EXPECT_FAILS(SRM_USAGE, srm_score_batch(reward, &input, -1, NULL, &result));
  EXPECT_FAILS(SRM_USAGE, srm_score_batch(reward, NULL, 1, NULL, &result));
  EXPECT_FAILS(SRM_USAGE, srm_score_batch(reward, &input, 1, NULL, NULL));
  EXPECT_FAILS(SRM_USAGE, srm_score_batch(reward, &input, INT64_MAX, NULL, &result));
  srm_score_options score;
  SRM_INIT(score);
  EXPECT_FAILS(SRM_USAGE, (score.deadline_ms = -1, srm_score_batch(reward, &input, 1, &score, &result)));
  EXPECT_FAILS(SRM_USAGE, (score.deadline_ms = NAN, srm_score_batch(reward, &input, 1, &score, &result)));
  EXPECT_FAILS(SRM_USAGE, (score.deadline_ms = 0, score.priority = 7, srm_score_batch(reward, &input, 1, &score, &result)));
  EXPECT_FAILS(SRM_DEADLINE, (score.priority = 0, score.deadline_ms = 1e-6, srm_score_batch(reward, &input, 1, &score, &result)));
  EXPECT(srm_score_batch(reward, &input, 0, NULL, NULL) == SRM_OK);
}

/* A failure of one input is its own; the others are scored, and no failure is a score. */
static void items(srm_reward reward) {
  const int32_t bad_ids[] = {1, 1 << 30}, good_ids[] = {2, 5, 6};
  char sentences[6][200];
  srm_input inputs[6];
  srm_result results[6];
  for (int i = 0; i < 6; i++) {
    inputs[i] = pair("a", "b");
    SRM_INIT(results[i]);
    results[i].error = sentences[i];
    results[i].error_capacity = sizeof sentences[i];
    memset(sentences[i], 'x', sizeof sentences[i]);
  }
  inputs[1].text.data = "\xff";
  inputs[2].kind = SRM_INPUT_IDS;
  inputs[2].ids = bad_ids;
  inputs[2].id_count = 2;
  inputs[3].kind = SRM_INPUT_JSON;
  inputs[3].text.data = "{\"prompt\": \"a\"";
  inputs[4].kind = 9;
  inputs[5].kind = SRM_INPUT_IDS;
  inputs[5].ids = good_ids;
  inputs[5].id_count = 3;
  inputs[5].answer_start = 1;
  inputs[5].answer_end = 3;
  EXPECT(srm_score_batch(reward, inputs, 6, NULL, results) == SRM_OK);
  const srm_status expected[] = {SRM_OK, SRM_USAGE, SRM_DATA, SRM_DATA, SRM_USAGE, SRM_OK};
  for (int i = 0; i < 6; i++) {
    EXPECT(results[i].status == expected[i]);
    EXPECT((expected[i] == SRM_OK) == (isfinite(results[i].score) != 0));
    EXPECT((expected[i] == SRM_OK) == (strlen(sentences[i]) == 0));
  }
  results[1].error_capacity = 8;
  EXPECT(srm_score_batch(reward, inputs, 2, NULL, results) == SRM_OK);
  EXPECT(strlen(sentences[1]) == 7);
}

/* Nothing of an earlier call stays in a place without a score: neither of one input's failure nor of the whole call's. */
static void used_again(srm_reward reward) {
  float parts[2][2];
  srm_input inputs[2] = {pair("a", "b"), pair("a", "\xff")};
  srm_result results[2];
  srm_score_options late;
  SRM_INIT(late);
  late.deadline_ms = 1e-6;
  for (int whole = 0; whole < 2; whole++) {
    for (int i = 0; i < 2; i++) {
      SRM_INIT(results[i]);
      results[i].standard_deviation = results[i].novelty = parts[i][0] = parts[i][1] = 7;
      results[i].components = parts[i];
      results[i].component_capacity = 2;
    }
    srm_status status = srm_score_batch(reward, inputs, 2, whole ? &late : NULL, results);
    EXPECT(status == (whole ? SRM_DEADLINE : SRM_OK));
    for (int i = 0; i < 2; i++) {
      EXPECT((results[i].status == SRM_OK) == (!whole && i == 0));
      EXPECT((isfinite(parts[i][0]) != 0) == (results[i].status == SRM_OK) && isnan(parts[i][1]));
      EXPECT(isnan(results[i].standard_deviation) && isnan(results[i].novelty));
    }
  }
}

static void buffers(srm_backbone backbone, srm_reward reward, const char *sae_path) {
  char text[8];
  float few[4], *all;
  int64_t needed = 0, count = 0, rows = 0, columns = 0, width = 0, starts[64];
  srm_input input = pair("a", "b");
  srm_sae sae;
  EXPECT_FAILS(SRM_BUFFER, srm_backbone_describe(backbone, text, sizeof text, &needed));
  EXPECT(needed > 8);
  EXPECT_FAILS(SRM_BUFFER, srm_explain(reward, &input, 1, 1, NULL, NULL, 0, &needed));
  EXPECT_FAILS(SRM_USAGE, srm_explain(reward, &input, -1, 1, NULL, text, 8, &needed));
  EXPECT_FAILS(SRM_USAGE, srm_backbone_describe(backbone, text, -5, NULL));
  EXPECT_FAILS(SRM_BUFFER, srm_score_tokens(reward, &input, SRM_EACH_TOKEN, NULL, few, NULL, 0, &count));
  EXPECT(count > 0);
  EXPECT_FAILS(SRM_USAGE, srm_score_tokens(reward, &input, SRM_EACH_TOKEN, NULL, NULL, NULL, 100, &count));
  EXPECT_FAILS(SRM_USAGE, srm_score_tokens(reward, &input, 4, NULL, few, NULL, 4, &count));
  EXPECT_FAILS(SRM_USAGE, srm_hidden_states(backbone, &input, -1, NULL, few, 4, &rows, &columns));
  EXPECT_FAILS(SRM_BUFFER, srm_hidden_states(backbone, &input, 1, NULL, few, 4, &rows, &columns));
  EXPECT(rows > 4 && columns > 16);
  all = malloc(sizeof(float) * (size_t)(rows * columns));
  srm_status deep = srm_hidden_states(backbone, &input, 1000, NULL, all, rows * columns, &rows, &columns);
  EXPECT(deep != SRM_OK && deep != SRM_INTERNAL);
  EXPECT(srm_hidden_states(backbone, &input, 4, NULL, all, rows * columns, &rows, &columns) == SRM_OK);
  EXPECT_FAILS(SRM_HANDLE, srm_sae_width((srm_sae)reward, &width, NULL, NULL));
  EXPECT(srm_sae_open(backbone, sae_path, NULL, &sae) == SRM_OK);
  EXPECT(srm_sae_width(sae, NULL, &width, NULL) == SRM_OK);
  EXPECT_FAILS(SRM_BUFFER, srm_sae_encode_dense(sae, all, rows, NULL, few, 4));
  EXPECT_FAILS(SRM_USAGE, srm_sae_encode_dense(sae, all, -1, NULL, few, 4));
  EXPECT_FAILS(SRM_USAGE, srm_sae_encode_dense(sae, NULL, rows, NULL, few, 4));
  EXPECT_FAILS(SRM_USAGE, srm_sae_encode_sparse(sae, all, INT64_MAX, NULL, starts, NULL, NULL, 0, &count));
  EXPECT_FAILS(SRM_BUFFER, srm_sae_encode_sparse(sae, all, rows, NULL, starts, NULL, NULL, 0, &count));
  EXPECT(count > 0 && starts[rows] == count);
  all[0] = NAN;
  EXPECT_FAILS(SRM_NUMERIC, srm_sae_encode_sparse(sae, all, rows, NULL, starts, NULL, NULL, 0, &count));
  free(all);
  EXPECT(srm_sae_close(sae) == SRM_OK);
}

static void sessions(srm_backbone backbone, srm_reward reward, const char *path) {
  const int32_t ids[] = {2, 5, 6}, bad[] = {-1};
  const srm_message prompt = {{"user", SRM_ZERO_TERMINATED}, {"What is six minus three?", SRM_ZERO_TERMINATED}, {NULL, 0}};
  srm_session session, fork;
  float alone, score;
  int64_t length;
  EXPECT_FAILS(SRM_USAGE, srm_session_open(reward, NULL, 1, &session));
  EXPECT(session == NULL);
  EXPECT_FAILS(SRM_USAGE, srm_session_open(reward, &prompt, -1, &session));
  EXPECT_FAILS(SRM_HANDLE, srm_session_open(NULL, &prompt, 1, &session));
  EXPECT(srm_session_open(reward, &prompt, 1, &session) == SRM_OK);
  EXPECT_FAILS(SRM_DATA, srm_session_score(session, NULL, &score)); /* nothing to score yet */
  EXPECT(isnan(score));
  EXPECT_FAILS(SRM_USAGE, srm_session_set_answer(session, "\xff", 1));
  EXPECT(srm_session_set_answer(session, "Seventeen.", 10) == SRM_OK && srm_session_score(session, NULL, &score) == SRM_OK);
  EXPECT(srm_session_fork(session, &fork) == SRM_OK && srm_session_set_answer(fork, "Three.", 6) == SRM_OK && srm_session_score(fork, NULL, &score) == SRM_OK);
  EXPECT(srm_score(reward, "What is six minus three?", SRM_ZERO_TERMINATED, "Three.", 6, &alone) == SRM_OK && memcmp(&alone, &score, 4) == 0);
  EXPECT_FAILS(SRM_USAGE, srm_session_append(fork, ids, 3)); /* the answer is a text, which the template ends */
  EXPECT_SAYS("prompt of messages");
  EXPECT(srm_session_close(session) == SRM_OK && srm_session_score(fork, NULL, &score) == SRM_OK && srm_session_close(fork) == SRM_OK);
  EXPECT_FAILS(SRM_HANDLE, srm_session_score(fork, NULL, &score));
  EXPECT(srm_session_open_ids(reward, NULL, 0, &session) == SRM_OK && srm_session_length(session, &length) == SRM_OK && length == 0);
  EXPECT_FAILS(SRM_USAGE, srm_session_set_answer(session, "a", 1));
  EXPECT_FAILS(SRM_DATA, srm_session_append(session, bad, 1));
  EXPECT(srm_session_append(session, ids, 3) == SRM_OK && srm_session_length(session, &length) == SRM_OK && length == 3);
  EXPECT(srm_session_score(session, NULL, &score) == SRM_OK && isfinite(score));
  EXPECT(srm_session_close(session) == SRM_OK);

  /* A session and its fork outlive the handle of their reward, in any order. */
  srm_reward closed;
  EXPECT(srm_reward_attach(backbone, path, NULL, NULL, &closed) == SRM_OK && srm_session_open(closed, &prompt, 1, &session) == SRM_OK);
  EXPECT(srm_reward_close(closed) == SRM_OK);
  EXPECT_FAILS(SRM_HANDLE, srm_score(closed, "a", 1, "b", 1, &score));
  EXPECT(srm_session_fork(session, &fork) == SRM_OK && srm_session_close(session) == SRM_OK);
  EXPECT(srm_session_set_answer(fork, "Three.", 6) == SRM_OK && srm_session_score(fork, NULL, &score) == SRM_OK && memcmp(&alone, &score, 4) == 0);
  EXPECT(srm_session_close(fork) == SRM_OK);
}

static int32_t stop(void *user, const char *stage, int64_t done, int64_t total) {
  EXPECT(stage[0] != 0 && done == 0 && total > 0);
  ++*(int *)user;
  return 1;
}

/* What takes long ends by a canceller and by its progress callback, leaves nothing open, and works when it is asked for again. */
static void cancelling(const char *model, const char *path, const char *sae_path, srm_reward reward) {
  enum { LAYER = 4, MOST = 1 << 16 };
  static float floats[MOST];
  static char text[1 << 14];
  const srm_message prompt = {{"user", SRM_ZERO_TERMINATED}, {"What is six minus three?", SRM_ZERO_TERMINATED}, {NULL, 0}};
  srm_input input = pair("What is six minus three?", "Three.");
  srm_backbone_options options = options_of(model);
  srm_backbone backbone;
  srm_reward attached;
  srm_sae sae;
  srm_session session;
  srm_call call;
  srm_score_options scored;
  srm_canceller canceller;
  int64_t before = srm_open_handles(), count, rows, columns, starts[64];
  int told = 0;
  EXPECT(srm_session_open(reward, &prompt, 1, &session) == SRM_OK && srm_session_set_answer(session, "Three.", SRM_ZERO_TERMINATED) == SRM_OK);
  EXPECT(srm_cancel_create(&canceller) == SRM_OK && srm_cancel(canceller) == SRM_OK);
  options.threads = 1; /* so that it is a model of its own, of one block */
  EXPECT(srm_backbone_open(&options, &backbone) == SRM_OK);
  for (int by_progress = 0; by_progress < 2; by_progress++) {
    SRM_INIT(call);
    SRM_INIT(scored);
    call.progress = scored.progress = by_progress ? stop : NULL;
    call.user = scored.user = &told;
    call.cancel = scored.cancel = by_progress ? NULL : canceller;
    EXPECT_FAILS(SRM_CANCELLED, srm_sae_open(backbone, sae_path, &call, &sae));
    EXPECT(sae == NULL);
    EXPECT_FAILS(SRM_CANCELLED, srm_score_tokens(reward, &input, SRM_EACH_TOKEN, &scored, floats, NULL, MOST, &count));
    EXPECT(count == 0);
    EXPECT_FAILS(SRM_CANCELLED, srm_explain(reward, &input, 1, 1, &scored, text, sizeof text, NULL));
    floats[0] = 1;
    EXPECT_FAILS(SRM_CANCELLED, srm_session_score(session, &scored, floats));
    EXPECT(isnan(floats[0]));
    EXPECT_FAILS(SRM_CANCELLED, srm_hidden_states(backbone, &input, 0, &call, floats, MOST, &rows, &columns));
  }
  EXPECT(told == 5);
  /* Attaching loads blocks; told of the first, it may stop them. */
  call.progress = NULL;
  call.cancel = canceller;
  EXPECT_FAILS(SRM_CANCELLED, srm_reward_attach(backbone, path, NULL, &call, &attached));
  EXPECT(attached == NULL);
  EXPECT_FAILS(SRM_CANCELLED, srm_hidden_states(backbone, &input, LAYER, &call, floats, MOST, &rows, &columns));
  EXPECT(srm_sae_open(backbone, sae_path, NULL, &sae) == SRM_OK);
  EXPECT(srm_hidden_states(backbone, &input, LAYER, NULL, floats, MOST, &rows, &columns) == SRM_OK);
  EXPECT_FAILS(SRM_CANCELLED, srm_sae_encode_dense(sae, floats, 1, &call, floats + 1024, 4096));
  EXPECT_FAILS(SRM_CANCELLED, srm_sae_encode_sparse(sae, floats, rows, &call, starts, NULL, NULL, 0, &count));
  EXPECT(srm_sae_close(sae) == SRM_OK);
  EXPECT_FAILS(SRM_STRUCT, (call.struct_size = 8, srm_sae_open(backbone, sae_path, &call, &sae)));
  EXPECT_FAILS(SRM_STRUCT, (scored.struct_size = 8, srm_session_score(session, &scored, floats)));
  SRM_INIT(scored);
  EXPECT_FAILS(SRM_USAGE, (scored.doubt = 1, srm_session_score(session, &scored, floats)));
  EXPECT_SAYS("srm_score_batch");
  EXPECT_FAILS(SRM_HANDLE, (scored.doubt = 0, scored.cancel = (srm_canceller)reward, srm_explain(reward, &input, 1, 1, &scored, text, sizeof text, NULL)));
  scored.cancel = NULL;
  scored.deadline_ms = 60000;
  EXPECT(srm_session_score(session, &scored, floats) == SRM_OK && srm_score_tokens(reward, &input, SRM_EACH_TOKEN, &scored, floats + 1, NULL, MOST - 1, &count) == SRM_OK);
  EXPECT(memcmp(floats, floats + count, 4) == 0); /* the last token's is that of the whole */
  EXPECT_FAILS(SRM_DEADLINE, (scored.deadline_ms = 1e-6, srm_score_tokens(reward, &input, SRM_EACH_TOKEN, &scored, floats, NULL, MOST, &count)));
  EXPECT(srm_reward_attach(backbone, path, NULL, NULL, &attached) == SRM_OK && srm_explain(attached, &input, 1, 1, NULL, text, sizeof text, NULL) == SRM_OK);
  EXPECT(srm_reward_close(attached) == SRM_OK && srm_sae_open(backbone, sae_path, NULL, &sae) == SRM_OK && srm_sae_close(sae) == SRM_OK);
  EXPECT(srm_session_close(session) == SRM_OK && srm_backbone_close(backbone) == SRM_OK && srm_cancel_close(canceller) == SRM_OK);
  EXPECT(srm_open_handles() == before);
}

static void fits(const char *model, const char *sae) {
  srm_fit_options fit;
  srm_backbone_options options = options_of(model);
  SRM_INIT(fit);
  EXPECT_FAILS(SRM_USAGE, srm_fit(&fit, NULL)); /* no model */
  fit.backbone = &options;
  fit.sae = sae;
  fit.layer = -1;
  fit.output = "/nowhere/reward.safetensors";
  EXPECT_FAILS(SRM_USAGE, srm_fit(&fit, NULL)); /* no data */
  EXPECT_FAILS(SRM_DATA, (fit.data = "/nowhere/pairs.jsonl", srm_fit(&fit, NULL)));
  EXPECT_FAILS(SRM_USAGE, (fit.position = "first", srm_fit(&fit, NULL)));
  EXPECT_FAILS(SRM_USAGE, (fit.position = NULL, fit.pairs = -1, srm_fit(&fit, NULL)));
  EXPECT_SAYS("pairs");
  EXPECT_FAILS(SRM_USAGE, (fit.pairs = (int64_t)1 << 31, srm_fit(&fit, NULL)));
  EXPECT_FAILS(SRM_STRUCT, (fit.struct_size = 8, srm_fit(&fit, NULL)));
}

static pthread_key_t late_key;

static void fail_late(void *unused) {
  (void)unused;
  EXPECT(srm_last_error()[0] == 0);
  EXPECT_FAILS(SRM_USAGE, srm_cancel_close(NULL));
  EXPECT_SAYS("thread is ending");
}

static void *fail_and_end(void *unused) {
  pthread_setspecific(late_key, &late_key);
  EXPECT_FAILS(SRM_HANDLE, srm_cancel_close(NULL));
  return unused;
}

/* A thread whose last failure is forgotten fails once more, in a destructor of the host's. */
static void thread_ends(void) {
  pthread_t thread;
  EXPECT(pthread_key_create(&late_key, fail_late) == 0);
  EXPECT(pthread_create(&thread, NULL, fail_and_end, NULL) == 0 && pthread_join(thread, NULL) == 0);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  srm_backbone_options options = options_of(argv[1]);
  srm_reward reward, second;
  srm_backbone backbone;
  EXPECT(srm_last_status() == SRM_OK && srm_last_error()[0] == 0);
  EXPECT(strcmp(srm_status_name(SRM_DATA), "SRM_DATA") == 0 && strcmp(srm_status_name(SRM_BUFFER), "SRM_BUFFER") == 0);
  EXPECT(strcmp(srm_status_name(-1), "unknown status") == 0 && strcmp(srm_status_name(99), "unknown status") == 0);
  EXPECT(srm_reward_open(argv[2], NULL, &options, &reward) == SRM_OK);
  EXPECT(srm_reward_backbone(reward, &backbone) == SRM_OK);
  EXPECT(srm_reward_attach(backbone, argv[2], NULL, NULL, &second) == SRM_OK);
  texts(reward);
  structs(argv[1], argv[2], backbone, reward);
  items(reward);
  used_again(reward);
  buffers(backbone, reward, argv[3]);
  sessions(backbone, reward, argv[2]);
  cancelling(argv[1], argv[2], argv[3], reward);
  fits(argv[1], argv[3]);
  thread_ends();
  handles(backbone, reward); /* closes it */
  EXPECT(srm_reward_close(second) == SRM_OK && srm_backbone_close(backbone) == SRM_OK);
  EXPECT(srm_open_handles() == 0);
  return 0;
}
