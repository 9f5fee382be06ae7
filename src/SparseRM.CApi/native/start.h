/* Between the exports in C and the managed functions behind them. */
#ifndef SPARSERM_START_H
#define SPARSERM_START_H

#include <sparserm.h>

/* Whether the managed runtime runs or can be started; no function of it may be called before. */
int srm_started(void);

/* Whether this thread is so far in its end that it can call no function of the runtime any more; ask after srm_started. */
int srm_thread_ends(void);

/* How full calls may make the managed heap, in bytes. */
int64_t srm_heap_most(void);

/* The file of this library, as it was loaded. */
const char* srm_own_path(void);

/* Keeps this thread's failure. sentence: NULL where there is no memory for one. */
void srm_keep_error(srm_status status, const char* sentence, int64_t length);

#endif
