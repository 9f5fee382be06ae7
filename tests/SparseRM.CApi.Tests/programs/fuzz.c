/* Calls every function (a test compares with the exports) with wrong handles, lengths, bytes and struct sizes: fuzz MODEL REWARD SAE CALLS SEED.
   No call may crash, hang, or answer with SRM_INTERNAL; at the end every handle is closed. */
#include <sparserm.h>
#include <unistd.h>

#include "check.h"

static uint64_t state;
static uint32_t next(uint32_t bound) { /* xorshift64* */
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * 2685821657736338717ull) >> 33) % bound;
}

enum { HANDLES = 64, BYTES = 4096 };
static void *handles[HANDLES];
static char bytes[BYTES], sentence[64];
static int32_t ids[64];
static float floats[BYTES];
static int64_t longs[64];
static srm_message messages[4];
static srm_text answers[4];
static srm_input inputs[3];
static srm_result results[4];
static long statuses[32], started, ended, told, logged;
static const char *reward_path, *sae_path;

/* Callbacks that ask to go on, or to stop. */
static int32_t progress(void *user, const char *stage, int64_t done, int64_t total) {
  __atomic_add_fetch(&told, 1, __ATOMIC_SEQ_CST);
  return stage[0] == 0 || done < 0 || total < 0 || user != NULL;
}

static void log_line(void *user, int32_t level, const char *line) {
  if (user == NULL && level >= 0 && line[0] != 0) __atomic_add_fetch(&logged, 1, __ATOMIC_SEQ_CST);
}

/* No score without success, and a sentence for each failure. */
static void completed(void *user, srm_status status, const srm_result *found, int64_t count) {
  if (user != NULL || (status == SRM_OK ? found == NULL && count > 0 : found != NULL)) abort();
  if (status != SRM_OK && (srm_last_status() != status || srm_last_error()[0] == 0)) abort();
  for (int64_t i = 0; status == SRM_OK && i < count; i++)
    if ((found[i].status == SRM_OK) != (found[i].score == found[i].score) || (found[i].status != SRM_OK && found[i].error[0] == 0)) abort();
  __atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
}

static void *handle(void) { return handles[next(HANDLES)]; }
static void *maybe(void *place) { return next(8) == 0 ? NULL : place; }

/* At most `most`, or a length that is none. */
static int64_t length(int64_t most) {
  switch (next(12)) {
    case 0: return -1 - (int64_t)next(1000);
    case 1: return INT64_MIN;
    case 2: return INT64_MAX - 1;
    case 3: return (int64_t)1 << 40;
    case 4: return 0;
    default: return (int64_t)next((uint32_t)most + 1);
  }
}

static srm_text text(void) {
  static const char *const good[] = {"user", "assistant", "Three.", "{\"a\": [1, {}]}", "{\"prompt\": \"a\", \"response\": \"b\"}", "{\"ids\": [1, 2]}", "\xf0\x9f\x98\x80"};
  srm_text value;
  if (next(3) != 0) {
    value.data = good[next(7)];
    value.length = next(2) ? SRM_ZERO_TERMINATED : (int64_t)strlen(value.data);
  } else {
    value.data = maybe(bytes + next(BYTES - 64));
    value.length = length(48);
  }
  return value;
}

static int64_t size_of(size_t right) { return next(10) == 0 ? length(1000) : (int64_t)right; }

static srm_input *input(void) {
  srm_input *made = &inputs[next(3)];
  made->struct_size = size_of(sizeof *made);
  made->kind = (int64_t)next(7) - 1;
  made->prompt = text();
  made->text = text();
  for (int i = 0; i < 4; i++) {
    messages[i].role = text();
    messages[i].content = text();
    messages[i].fields = next(3) ? (srm_text){NULL, 0} : text();
  }
  made->messages = maybe(messages);
  made->message_count = length(4);
  for (int i = 0; i < 64; i++) ids[i] = next(20) == 0 ? (int32_t)(next(1u << 31)) - (1 << 30) : (int32_t)next(2000);
  made->ids = maybe(ids);
  made->id_count = length(64);
  made->answer_start = length(64);
  made->answer_end = length(64);
  return maybe(made);
}

static srm_score_options *options(void) {
  static srm_score_options made;
  made.struct_size = size_of(sizeof made);
  made.priority = (int64_t)next(4) - 1;
  made.deadline_ms = next(4) ? 0 : (double)next(100) - 10;
  made.doubt = next(16) == 0;
  made.novelty = next(16) == 0;
  made.cancel = next(8) ? NULL : handle();
  made.progress = next(8) ? NULL : progress;
  made.user = next(8) ? NULL : &made;
  return next(2) ? NULL : &made;
}

static srm_call *told_by(void) {
  static srm_call made;
  made.struct_size = size_of(sizeof made);
  made.cancel = next(8) ? NULL : handle();
  made.progress = next(8) ? NULL : progress;
  made.user = next(8) ? NULL : &made;
  return next(2) ? NULL : &made;
}

static srm_result *out(void) {
  for (int i = 0; i < 4; i++) {
    results[i].struct_size = next(20) == 0 ? 8 : (int64_t)sizeof results[i];
    results[i].error = next(2) ? NULL : sentence;
    results[i].error_capacity = length(sizeof sentence);
    if (results[i].error_capacity > (int64_t)sizeof sentence) results[i].error_capacity = -1;
  }
  return maybe(results);
}

static int64_t room(int64_t most) { return next(4) == 0 ? -(int64_t)next(9) : (int64_t)next((uint32_t)most + 1); }

/* Takes the place of an older handle of the fuzzer's own; the first are the good ones. */
static void keep(void *made) {
  int place = 8 + (int)next(HANDLES - 8);
  srm_cancel_close(handles[place]);
  srm_session_close(handles[place]);
  handles[place] = made;
}

/* Opens and closes what the fuzzer never keeps; the closes get handles of all kinds but the good ones. */
static srm_status references(void) {
  void *made = NULL, *other = handles[8 + next(HANDLES - 8)];
  srm_status status;
  switch (next(6)) {
    case 0:
      status = srm_reward_backbone(handle(), (srm_backbone *)maybe(&made));
      if (status == SRM_OK && srm_backbone_close(made) != SRM_OK) abort();
      return status;
    case 1:
      if (next(64) != 0) return srm_sae_open(handle(), maybe("/nowhere/sae"), told_by(), (srm_sae *)maybe(&made));
      status = srm_sae_open(handle(), sae_path, told_by(), (srm_sae *)maybe(&made));
      if (status == SRM_OK && srm_sae_close(made) != SRM_OK) abort();
      return status;
    case 2:
      if (next(64) != 0) return srm_reward_attach(handle(), maybe("/nowhere/reward"), maybe("/nowhere/sae"), told_by(), (srm_reward *)maybe(&made));
      status = srm_reward_attach(handle(), reward_path, NULL, told_by(), (srm_reward *)maybe(&made));
      if (status == SRM_OK && srm_reward_close(made) != SRM_OK) abort();
      return status;
    case 3: return srm_backbone_close(other);
    case 4: return srm_reward_close(other);
    default: return srm_sae_close(other);
  }
}

static srm_status asynchronous(void) {
  int64_t count = length(3);
  /* done is called where and only where this is SRM_OK. */
  srm_status status = srm_score_async(handle(), input() ? inputs : NULL, count, options(), next(8) ? completed : NULL, NULL);
  if (status == SRM_OK) started++;
  return status;
}

static srm_status call(void) {
  static srm_backbone_options open;
  static srm_fit_options fit;
  static srm_counts counts;
  void *made = NULL;
  srm_status status;
  switch (next(30)) {
    case 0: return srm_score(handle(), text().data, length(4), text().data, length(4), maybe(floats));
    case 1: return srm_score_batch(handle(), input() ? inputs : NULL, length(3), options(), out());
    case 2:
      for (int i = 0; i < 4; i++) answers[i] = text();
      input();
      return srm_score_group(handle(), maybe(messages), length(4), maybe(answers), length(4), options(), out());
    case 3: return srm_score_tokens(handle(), input(), (int32_t)next(6) - 1, options(), maybe(floats), maybe(ids), room(64), maybe(longs));
    case 4: return srm_explain(handle(), input(), (int32_t)next(9) - 2, (int32_t)next(9) - 2, options(), maybe(bytes), room(BYTES), maybe(longs));
    case 5: return srm_encode(handle(), input(), maybe(ids), room(64), maybe(longs), maybe(longs + 1), maybe(longs + 2));
    case 6: return srm_hidden_states(handle(), input(), (int32_t)next(8) - 1, told_by(), maybe(floats), room(BYTES), maybe(longs), maybe(longs + 1));
    case 7: return srm_sae_encode_dense(handle(), maybe(floats), length(3), told_by(), maybe(floats), room(BYTES));
    case 8: return srm_sae_encode_sparse(handle(), maybe(floats), length(3), told_by(), maybe(longs), maybe(ids), maybe(floats), room(64), maybe(longs + 60));
    case 9: return srm_sae_width(handle(), maybe(longs), maybe(longs + 1), maybe(ids));
    case 10: return srm_backbone_describe(handle(), maybe(bytes), room(BYTES), maybe(longs));
    case 11: return srm_reward_describe(handle(), maybe(bytes), room(BYTES), maybe(longs));
    case 12: counts.struct_size = size_of(sizeof counts); return srm_backbone_counts(handle(), maybe(&counts));
    case 13:
      open.struct_size = size_of(sizeof open);
      open.model = maybe("/nowhere/model");
      open.threads = (int32_t)next(6) - 2;
      open.truncation = (int32_t)next(6) - 2;
      open.cancel = next(3) ? NULL : handle();
      return srm_backbone_open(maybe(&open), maybe(&made));
    case 14: return srm_reward_open(text().data, NULL, maybe(&open), maybe(&made));
    case 15: return references();
    case 16:
      fit.struct_size = size_of(sizeof fit);
      fit.backbone = maybe(&open);
      fit.data = "/nowhere/data";
      fit.output = "/nowhere/out";
      return srm_fit(maybe(&fit), NULL);
    case 17:
      status = srm_cancel_create((srm_canceller *)maybe(&made));
      if (status == SRM_OK) keep(made);
      return status;
    case 18: return srm_cancel(handle());
    case 19: return srm_session_append(handle(), maybe(ids), length(8));
    case 20: return srm_session_set_answer(handle(), text().data, length(4));
    case 21: return srm_session_score(handle(), options(), maybe(floats));
    case 22: return srm_session_length(handle(), maybe(longs));
    case 23:
    case 24:
      input();
      status = next(2) ? srm_session_open(handle(), maybe(messages), length(4), (srm_session *)maybe(&made))
                       : srm_session_fork(handle(), (srm_session *)maybe(&made));
      if (status == SRM_OK) keep(made);
      return status;
    case 25:
      status = srm_session_open_ids(handle(), maybe(ids), length(8), (srm_session *)maybe(&made));
      if (status == SRM_OK) keep(made);
      return status;
    case 26:
    case 27: return asynchronous();
    case 28: return srm_set_log(next(2) ? log_line : NULL, NULL);
    default:
      if (srm_status_name((srm_status)next(40) - 10)[0] == 0 || srm_version()[0] == 0 || srm_abi_version() != SRM_ABI_VERSION) abort();
      if (srm_struct_size((int32_t)next(20) - 5) < 0 || srm_open_handles() < 3 || srm_last_error() == NULL || srm_last_status() < 0) abort();
      return srm_cancel_close((srm_canceller)(uintptr_t)(((uint64_t)next(1u << 31) << 31) | next(1u << 31)));
  }
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  state = strtoull(argv[5], NULL, 10) * 2 + 1;
  reward_path = argv[2];
  sae_path = argv[3];
  srm_backbone_options options;
  SRM_INIT(options);
  options.model = argv[1];
  options.threads = 1;
  srm_reward reward;
  srm_backbone backbone;
  srm_sae sae;
  EXPECT(srm_reward_open(argv[2], NULL, &options, &reward) == SRM_OK);
  EXPECT(srm_reward_backbone(reward, &backbone) == SRM_OK);
  EXPECT(srm_sae_open(backbone, argv[3], NULL, &sae) == SRM_OK);
  for (int i = 0; i < BYTES; i++) {
    bytes[i] = (char)next(256);
    floats[i] = (float)next(100) / 10;
  }
  for (int i = 0; i < HANDLES; i++) handles[i] = next(2) ? NULL : (void *)(uintptr_t)(((uint64_t)next(1u << 31) << 31) | next(1u << 31));
  handles[0] = handles[1] = reward;
  handles[2] = handles[3] = backbone;
  handles[4] = handles[5] = sae;
  for (long i = 0, calls = strtol(argv[4], NULL, 10); i < calls; i++) {
    srm_status status = call();
    EXPECT(status >= SRM_OK && status <= SRM_BUFFER);
    if (status == SRM_INTERNAL) fprintf(stderr, "call %ld\n", i);
    EXPECT(status != SRM_INTERNAL);
    statuses[status]++;
  }
  while (__atomic_load_n(&ended, __ATOMIC_SEQ_CST) < started) usleep(1000);
  EXPECT(srm_set_log(NULL, NULL) == SRM_OK);
  for (int i = 8; i < HANDLES; i++) {
    srm_cancel_close(handles[i]);
    srm_session_close(handles[i]);
  }
  EXPECT(srm_sae_close(sae) == SRM_OK && srm_reward_close(reward) == SRM_OK && srm_backbone_close(backbone) == SRM_OK);
  EXPECT(srm_open_handles() == 0);
  for (int i = 0; i <= SRM_BUFFER; i++)
    if (statuses[i] > 0) printf("%-14s %ld\n", srm_status_name(i), statuses[i]);
  printf("completions %ld, progress %ld, log %ld\n", ended, told, logged);
  return 0;
}
