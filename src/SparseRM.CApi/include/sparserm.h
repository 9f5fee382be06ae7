/*
 * sparserm: reward scores of answers, from a language model's hidden states. C99, safe in C++.
 *
 * Rules that hold for every function unless its comment says otherwise:
 *  - It returns an srm_status: SRM_OK (0), or why it failed; srm_last_error() then has one sentence for people, on the same thread.
 *  - Handles are numbers that look like pointers and are never followed. A null, closed or foreign handle, or one of another kind, is SRM_HANDLE.
 *    On failure a function that makes a handle sets it to NULL.
 *  - What the caller passes stays the caller's and is not needed after the call (srm_score_async too: it copies before it returns).
 *  - Texts are UTF-8; a length is in bytes, or SRM_ZERO_TERMINATED. Invalid UTF-8, a negative length or a null pointer is SRM_USAGE.
 *    A pointer that is neither NULL nor right cannot be seen through; nor a length that is too large.
 *  - Any number of threads may call on one handle at once. A handle may be closed while others call: they finish, later calls get SRM_HANDLE.
 *  - A struct begins with struct_size, which the caller sets to sizeof the struct (or uses SRM_INIT). Another size is SRM_STRUCT: a program with
 *    a newer header than the library gets that, and never a crash. Fields that are 0 mean the default. Functions are only ever added.
 *  - Where there is no memory a function is SRM_DEVICE, and the host goes on; README.md says what is not promised under `ulimit -v`.
 *  - The library does not survive fork(): a child must not call it. It installs no handler for SIGINT. dlclose leaves it loaded.
 *  - A destructor of a pthread key may find its thread too far in its end to call: SRM_USAGE then. Close what a thread owns before.
 *  - Callbacks may call any function. They must return: no longjmp and no C++ exception may pass through the library.
 */
#ifndef SPARSERM_H
#define SPARSERM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SRM_ABI_VERSION 2
#define SRM_ZERO_TERMINATED INT64_MAX

/* Zeroes a struct and sets its size: srm_input input; SRM_INIT(input); */
#define SRM_INIT(value)                                                        \
  do {                                                                         \
    char *srm_bytes_ = (char *)&(value);                                       \
    for (unsigned srm_i_ = 0; srm_i_ < sizeof(value); srm_i_++) srm_bytes_[srm_i_] = 0; \
    (value).struct_size = (int64_t)sizeof(value);                              \
  } while (0)

typedef int32_t srm_status;
enum {
  SRM_OK = 0,
  SRM_USAGE = 1,      /* an argument or option is wrong */
  SRM_DATA = 2,       /* a text, dialogue, row or file of data is not what its format asks for */
  SRM_MODEL = 3,      /* a model, SAE, tokenizer, template or reward file is corrupt or not supported */
  SRM_MISMATCH = 4,   /* two things that belong to different models were put together */
  SRM_NUMERIC = 5,    /* a state or score is NaN or infinite */
  SRM_DEVICE = 6,     /* a backend cannot be had, failed, or there is no memory left */
  SRM_FULL = 7,       /* too much waits already: try again later */
  SRM_DEADLINE = 8,   /* the time that was allowed is over */
  SRM_CANCELLED = 9,  /* the caller gave up */
  SRM_CLOSED = 10,    /* closed while the call ran */
  SRM_INTERNAL = 11,  /* a fault of this library: please report it */
  SRM_HANDLE = 12,    /* the handle is null, closed, of another kind or none of this library's */
  SRM_STRUCT = 13,    /* a struct_size that this library does not know */
  SRM_BUFFER = 14     /* the caller's buffer is too small; the count says what is needed */
};

typedef struct srm_backbone_s *srm_backbone; /* a model up to a layer, on a backend */
typedef struct srm_reward_s *srm_reward;     /* a reward model that is attached to a backbone */
typedef struct srm_sae_s *srm_sae;           /* an SAE's encoder on a backbone */
typedef struct srm_session_s *srm_session;   /* a text that grows */
typedef struct srm_cancel_s *srm_canceller;  /* ends the calls that it is given to */

/* Told how far a call is, on the calling thread (srm_score_async: on one of the library's). Return 0 to go on, anything else to cancel. */
typedef int32_t (*srm_progress_fn)(void *user, const char *stage, int64_t done, int64_t total);

/* level 0: good to know; 1: a warning. The text is valid during the call. */
typedef void (*srm_log_fn)(void *user, int32_t level, const char *text);

/* Who is told how far a call is, and what ends it: for functions without options of their own. NULL for nobody and nothing. */
typedef struct srm_call {
  int64_t struct_size;
  srm_progress_fn progress; /* may be NULL */
  void *user;               /* given to progress */
  srm_canceller cancel;     /* may be NULL */
} srm_call;

/* A text. data NULL with length 0: absent, where that is allowed. */
typedef struct srm_text {
  const char *data;
  int64_t length;
} srm_text;

/* One turn. content may be absent (a bare tool call); fields: absent, or a JSON object of the message's other fields (tool_calls, name, ..). */
typedef struct srm_message {
  srm_text role, content, fields;
} srm_message;

/* Which model runs, where and how. Backbones with equal options share weights, queue and prefix cache. */
typedef struct srm_backbone_options {
  int64_t struct_size;
  const char *model;         /* a model folder, or a hub id in the local Hugging Face cache; needed */
  const char *backend;       /* "cpu", "cuda:0", "reference"; NULL for "auto" */
  const char *variants;      /* "matmul=avx2,attention=avx512"; NULL for the backend's own choice */
  const char *compute;       /* "f32", "bf16" or "int8"; NULL for the weights' own (srm_reward_open: the reward model's) */
  const char *chat_template; /* a name or file; NULL for the model's own (srm_reward_open: the reward model's) */
  int32_t threads;           /* 0 for all cores; changes no bit of a score */
  int32_t layer;             /* srm_backbone_open: blocks 0..layer are loaded at once; what attaches deeper loads more */
  int32_t truncation;        /* inputs longer than the context: 0 refuse, 1 cut left, 2 cut right */
  int32_t ids_only;          /* not 0: only token ids will be given, no tokenizer is read */
  int64_t max_batch_tokens;  /* tokens computed at once; 0 for the default */
  int64_t prefix_cache_bytes; /* keys and values that are kept; 0 for the default, -1 for none */
  int64_t queue_requests;    /* requests that may wait; 0 for the default */
  int64_t queue_tokens;      /* tokens that may wait; 0 for the default */
  srm_progress_fn progress;  /* may be NULL */
  void *user;                /* given to progress */
  srm_canceller cancel;      /* may be NULL */
} srm_backbone_options;

enum { SRM_INPUT_PAIR = 0, SRM_INPUT_MESSAGES = 1, SRM_INPUT_JSON = 2, SRM_INPUT_TEXT = 3, SRM_INPUT_IDS = 4 };

/* What is scored. */
typedef struct srm_input {
  int64_t struct_size;
  int64_t kind;                /* one of SRM_INPUT_* */
  srm_text prompt;             /* PAIR: one user turn */
  srm_text text;               /* PAIR: the answer; TEXT: rendered already, marks in it are tokens; JSON: an object as a line of a score file:
                                  prompt with response, messages, text or ids */
  const srm_message *messages; /* MESSAGES: oldest first, the last is the answer */
  int64_t message_count;
  const int32_t *ids;          /* IDS: used as they are */
  int64_t id_count;
  int64_t answer_start;        /* IDS: the answer's first token and one past its last; both 0 where it is not known */
  int64_t answer_end;
} srm_input;

/* How a call is run; NULL for the defaults. */
typedef struct srm_score_options {
  int64_t struct_size;
  int64_t priority;         /* 0 bulk; 1 interactive: goes first, and its text is kept in the prefix cache */
  double deadline_ms;       /* 0 for none */
  const char *aggregate;    /* how several heads become one score: "mean", "min", "mean-minus:LAMBDA"; NULL for the reward model's own way */
  int32_t doubt;            /* not 0: the standard deviation over the heads is wanted, too */
  int32_t novelty;          /* not 0: how unlike the training data an input is, too */
  srm_progress_fn progress; /* may be NULL */
  void *user;
  srm_canceller cancel;     /* may be NULL */
} srm_score_options;

/* One score. A failure is never a score: score, standard_deviation, novelty and all of components are then NaN, and status says why. */
typedef struct srm_result {
  int64_t struct_size;
  srm_status status;
  float score;
  char *error;            /* the caller's buffer for the sentence of a failure, or NULL */
  int64_t error_capacity; /* its bytes; a longer sentence is cut */
  double standard_deviation; /* over the heads; NaN where it was not asked for */
  double novelty;         /* 0 to 1, near 1 is unlike all training data; NaN where it was not asked for */
  int64_t tokens;         /* of the input */
  float *components;      /* the caller's array for the components' scores before their weights, or NULL; names: srm_reward_describe */
  int64_t component_capacity; /* its elements; what does not fit is left out */
} srm_result;

typedef struct srm_counts {
  int64_t struct_size;
  int64_t waiting_requests, waiting_tokens, computed_tokens, found_tokens, cached_bytes, batches, sequences;
} srm_counts;

/* How a reward model is fitted. */
typedef struct srm_fit_options {
  int64_t struct_size;
  const srm_backbone_options *backbone; /* the model; its progress and cancel are not used */
  const char *sae;       /* SAE file or folder; needed for the inputs projection and activations */
  const char *data;      /* a preference file; needed */
  const char *output;    /* the reward file that is written, whole or not at all; needed */
  const char *cache;     /* a folder for hidden states, or NULL for none */
  const char *position;  /* "last" (NULL), "content" or "mean" */
  const char *input;     /* "projection" (NULL), "activations", "random" or "dense" */
  const char *loss;      /* NULL for margin */
  const char *aggregate; /* how several heads become one score; NULL for "mean" */
  int32_t layer;         /* block after which states are read; -1 leaves it to the SAE */
  int32_t k;             /* latents a side; 0 for 128 */
  int32_t hidden_units, max_epochs, seeds; /* 0 for the defaults */
  int32_t heads;         /* trained on samples of the prompts and aggregated; 0 for 1 */
  int32_t skip_bad;      /* not 0: leave bad rows out and count them */
  int32_t reserved;      /* 0 */
  double margin;         /* 0 for 1 */
  double held_out_fraction; /* share of the pairs to choose the epoch with; below 0 for the default of 0.1, 0 for none */
  int64_t seed;          /* 0 for 1 */
  int64_t pairs;         /* use the first so many; 0 for all */
  srm_progress_fn progress;
  void *user;
  srm_canceller cancel;
} srm_fit_options;

typedef struct srm_fit_result {
  int64_t struct_size;
  int64_t pairs, held_out_pairs, skipped_rows;
  double training_accuracy, held_out_accuracy; /* NaN where nothing was held out */
} srm_fit_result;

/* ---- The library. These need no model and cannot fail. ---- */

/* SRM_ABI_VERSION of the library: a program that was compiled with another must not call it. A step of it renames the symbols' version, too. */
int32_t srm_abi_version(void);
/* Such as "0.1.0". The library's; never freed. */
const char *srm_version(void);
/* "SRM_DATA" for SRM_DATA; "unknown status" for none. The library's; never freed. */
const char *srm_status_name(srm_status status);
/* The sentence of this thread's last failure; "" where there is none. The library's; valid until the next failure on this thread or its end. */
const char *srm_last_error(void);
/* Its status. */
srm_status srm_last_status(void);
/* sizeof in the library, by the struct's place in this header: 0 srm_call .. 9 srm_fit_result; 0 for another number. */
int64_t srm_struct_size(int32_t which);
/* Handles that are open in this process: 0 where nothing leaked; -1 where the thread is ending. */
int64_t srm_open_handles(void);
/* Where the log goes; NULL for nowhere. Called on the thread that has something to say. A call of the old callback may still be running on return, so
   user must outlive what runs. */
srm_status srm_set_log(srm_log_fn log, void *user);

/* ---- Cancelling ---- */

/* Makes a canceller, which may be given to any number of calls, on any threads. Close it with srm_cancel_close. */
srm_status srm_cancel_create(srm_canceller *cancel);
/* Ends what runs with it, and what will: SRM_CANCELLED. From any thread, also from a callback. */
srm_status srm_cancel(srm_canceller cancel);
/* Calls that it was given to go on, and nothing cancels them any more. */
srm_status srm_cancel_close(srm_canceller cancel);

/* ---- Models ---- */

/* Opens a model, or joins one that is open with equal options. Close it with srm_backbone_close. SRM_MODEL: its files; SRM_DEVICE: backend or memory;
   SRM_CANCELLED: by the canceller or the progress callback. */
srm_status srm_backbone_open(const srm_backbone_options *options, srm_backbone *backbone);
/* Gives up this reference; the model stays while rewards and SAEs are on it. */
srm_status srm_backbone_close(srm_backbone backbone);
/* JSON about device, sizes and variants. Writes text and final 0; needed (may be NULL) is told the bytes. SRM_BUFFER where capacity is less. */
srm_status srm_backbone_describe(srm_backbone backbone, char *buffer, int64_t capacity, int64_t *needed);
/* What went through it and what waits. */
srm_status srm_backbone_counts(srm_backbone backbone, srm_counts *counts);

/* Opens a reward file with the model that it needs. sae: NULL, or the SAE for heads on activations of a top-k SAE. Close with srm_reward_close.
   As srm_backbone_open, and SRM_MISMATCH where model, tokenizer or template are not those of the fit. */
srm_status srm_reward_open(const char *path, const char *sae, const srm_backbone_options *options, srm_reward *reward);
/* Attaches a reward file to an open backbone, which may be closed before the reward. Close with srm_reward_close. call may be NULL; it is told of the blocks
   that are loaded because the reward model reads deeper than what is there, and heard between them. */
srm_status srm_reward_attach(srm_backbone backbone, const char *path, const char *sae, const srm_call *call, srm_reward *reward);
/* One more reference to the reward's backbone; close it too. */
srm_status srm_reward_backbone(srm_reward reward, srm_backbone *backbone);
/* JSON about layer, position and fit; as srm_backbone_describe. */
srm_status srm_reward_describe(srm_reward reward, char *buffer, int64_t capacity, int64_t *needed);
/* Gives up the handle: calls that run finish, and its sessions stay usable; what it holds goes with the last of them. */
srm_status srm_reward_close(srm_reward reward);

/* ---- Scores: the same text has the same bits alone, in any batch, on any number of threads. ---- */

/* The score of one answer to one prompt; NaN where it fails. SRM_DATA: it is too long, or the template refuses it; SRM_NUMERIC: its state is not finite;
   SRM_FULL: too much waits. */
srm_status srm_score(srm_reward reward, const char *prompt, int64_t prompt_length, const char *answer, int64_t answer_length, float *score);
/* Scores of many inputs. Returns SRM_OK where the call ran: each result has a status of its own, SRM_USAGE or SRM_DATA for a bad input. Fails as a whole with
   SRM_FULL, SRM_DEADLINE or SRM_CANCELLED, and all results are then without a score. options may be NULL. progress is told what is scored; with a deadline
   it is told done 0 several times a second until all is. */
srm_status srm_score_batch(srm_reward reward, const srm_input *inputs, int64_t count, const srm_score_options *options, srm_result *results);
/* Scores of many answers to one prompt, which is computed once. */
srm_status srm_score_group(srm_reward reward, const srm_message *prompt, int64_t prompt_count, const srm_text *answers, int64_t answer_count,
                           const srm_score_options *options, srm_result *results);

/* Told of the end of srm_score_async, once, on a thread of the library. status not SRM_OK: the call failed as a whole, srm_last_error() on this thread
   says why, results is NULL. The results are the library's and valid during the call; those that failed have a sentence in error. The call's handles are no longer in use. */
typedef void (*srm_done_fn)(void *user, srm_status status, const srm_result *results, int64_t count);
/* As srm_score_batch with a deadline, without waiting. done is called where and only where this returns SRM_OK. */
srm_status srm_score_async(srm_reward reward, const srm_input *inputs, int64_t count, const srm_score_options *options, srm_done_fn done, void *user);

enum { SRM_EACH_TOKEN = 1, SRM_EACH_SENTENCE = 2, SRM_EACH_STEP = 3 }; /* a step ends with a line */
/* A score for the last token of each unit of the answer, and the token's position (positions may be NULL). count is told how many there are. options may
   be NULL; doubt and novelty are of whole inputs: SRM_USAGE. */
srm_status srm_score_tokens(srm_reward reward, const srm_input *input, int32_t unit, const srm_score_options *options, float *scores, int32_t *positions,
                            int64_t capacity, int64_t *count);
/* Why an input got its score, as JSON: directions with the largest shares, and the tokens that push them most. As srm_backbone_describe; options as in
   srm_score_tokens. */
srm_status srm_explain(srm_reward reward, const srm_input *input, int32_t directions, int32_t tokens, const srm_score_options *options, char *buffer,
                       int64_t capacity, int64_t *needed);

/* ---- Sessions: a text that grows; each score costs what was added. Its bits are those of the whole text alone. Calls on one session take turns. ---- */

/* Opens a session for answers to a prompt of messages, which srm_session_set_answer gives. Close with srm_session_close; its reward may be closed before. */
srm_status srm_session_open(srm_reward reward, const srm_message *prompt, int64_t prompt_count, srm_session *session);
/* Opens a session for token ids, which srm_session_append adds to; there may be none yet. */
srm_status srm_session_open_ids(srm_reward reward, const int32_t *ids, int64_t count, srm_session *session);
/* Adds token ids to the text of a session that was opened with ids; nothing is computed before a score is asked for. SRM_USAGE where it was opened with
   messages: their answer is set as a text, and the chat template ends it. */
srm_status srm_session_append(srm_session session, const int32_t *ids, int64_t count);
/* Makes a text the whole answer to the prompt; what it has in common with the last one stays computed. SRM_USAGE where it was
   opened with ids. */
srm_status srm_session_set_answer(srm_session session, const char *answer, int64_t length);
/* The score of the text so far; NaN where it fails. options as in srm_score_tokens. What was cancelled may be asked for again. */
srm_status srm_session_score(srm_session session, const srm_score_options *options, float *score);
/* Its tokens. */
srm_status srm_session_length(srm_session session, int64_t *length);
/* A session with the same text: what is computed of it is shared, what either adds is its own. What was added since the last score is computed first:
   where that may take long, ask srm_session_score for it before, with a canceller. */
srm_status srm_session_fork(srm_session session, srm_session *fork);
/* Gives its memory back. */
srm_status srm_session_close(srm_session session);

/* ---- Ids, states and latents ---- */

/* The token ids of an input, and where the answer lies among them (both may be NULL; equal where it is not known). */
srm_status srm_encode(srm_backbone backbone, const srm_input *input, int32_t *ids, int64_t capacity, int64_t *count, int64_t *answer_start,
                      int64_t *answer_end);
/* The residual stream after block layer at every token, [rows, columns] row by row. rows and columns are told before SRM_BUFFER is. call may be NULL; it
   is told of the blocks that are loaded, and heard between them and before the pass. */
srm_status srm_hidden_states(srm_backbone backbone, const srm_input *input, int32_t layer, const srm_call *call, float *states, int64_t capacity,
                             int64_t *rows, int64_t *columns);
/* Loads an SAE's encoder. Close with srm_sae_close. call may be NULL; it is heard between the check of the file and the loading of its weights. */
srm_status srm_sae_open(srm_backbone backbone, const char *path, const srm_call *call, srm_sae *sae);
/* Its widths, and its layer or -1; each place may be NULL. */
srm_status srm_sae_width(srm_sae sae, int64_t *d_in, int64_t *d_sae, int32_t *layer);
/* Activations of states [rows, d_in], as [rows, d_sae] with zeros. capacity: floats that activations has room for. call may be NULL; it is told of the
   rows, and heard after every 512 of them. states are read where they lie: nobody may change them meanwhile. */
srm_status srm_sae_encode_dense(srm_sae sae, const float *states, int64_t rows, const srm_call *call, float *activations, int64_t capacity);
/* Active latents of row r are latents and values [row_starts[r], row_starts[r + 1]). row_starts: rows + 1 elements, written also where SRM_BUFFER
   says that there are more than capacity; count is told how many. */
srm_status srm_sae_encode_sparse(srm_sae sae, const float *states, int64_t rows, const srm_call *call, int64_t *row_starts, int32_t *latents,
                                 float *values, int64_t capacity, int64_t *count);
/* Gives its memory back; calls that run finish. */
srm_status srm_sae_close(srm_sae sae);

/* ---- Fitting ---- */

/* Fits a reward model on a preference file and writes it: jsonl, json or csv, also as .gz; parquet where ParquetSharpNative.so (27 MB, of the NuGet package
   ParquetSharp) lies beside the library, else SRM_DATA says so. The output is written whole or not at all: a full disk leaves what was there. result may be NULL. */
srm_status srm_fit(const srm_fit_options *options, srm_fit_result *result);

#ifdef __cplusplus
}
#endif

#endif
