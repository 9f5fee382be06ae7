/* What the test programs share: each ends with 0, or with one line about the first expectation that failed. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                                                                    \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      fprintf(stderr, "%s:%d: %s does not hold; last error: %s\n", __FILE__, __LINE__, #condition, srm_last_error()); \
      exit(1);                                                                                               \
    }                                                                                                        \
  } while (0)

#define EXPECT_FAILS(expected, call)                                                                                   \
  do {                                                                                                                 \
    srm_status found_ = (call);                                                                                        \
    if (found_ != (expected) || srm_last_status() != (expected) || strlen(srm_last_error()) < 10) {                     \
      fprintf(stderr, "%s:%d: %s gave %s, expected %s; last error: %s\n", __FILE__, __LINE__, #call, srm_status_name(found_), \
              srm_status_name(expected), srm_last_error());                                                            \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

#define EXPECT_SAYS(text) EXPECT(strstr(srm_last_error(), (text)) != NULL)

#endif
