/*
 * The last failure of each thread. It lies in C: it is there where the managed runtime cannot start or has no memory
 * left, and goes with its thread.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "start.h"

static const char no_memory[] = "out of memory; send less at once, or open a smaller model";
static __thread srm_status last_status;
static __thread char* last_text;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int has_key;

/* Other destructors of the thread may still call the library: they find that nothing failed, and what they leave goes in
 * the next round. */
static void drop(void* text) {
  free(text);
  last_text = NULL;
  last_status = SRM_OK;
}

static void make_key(void) { has_key = pthread_key_create(&key, drop) == 0; }

void srm_keep_error(srm_status status, const char* sentence, int64_t length) {
  pthread_once(&once, make_key);
  free(last_text);
  last_text = sentence != NULL ? malloc((size_t)length + 1) : NULL;
  last_status = status;
  if (has_key) pthread_setspecific(key, last_text);
  if (last_text == NULL) return;
  memcpy(last_text, sentence, (size_t)length);
  last_text[length] = 0;
}

const char* srm_last_error(void) { return last_text != NULL ? last_text : last_status == SRM_OK ? "" : no_memory; }

srm_status srm_last_status(void) { return last_status; }
