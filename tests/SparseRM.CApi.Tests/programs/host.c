/* A host that loads the library by hand, as plug-ins are: host LIBRARY MODEL REWARD [OTHER_LIBRARY]. */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sparserm.h>

#define FIND(library, name) ((__typeof__(&name))dlsym(library, #name))
static char **arguments;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static void score(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) fail("dlopen", dlerror());
  srm_backbone_options options;
  SRM_INIT(options);
  options.model = arguments[2];
  options.threads = 2;
  srm_reward reward;
  float found;
  if (FIND(library, srm_reward_open)(arguments[3], NULL, &options, &reward) != SRM_OK) fail("open", FIND(library, srm_last_error)());
  if (FIND(library, srm_score)(reward, "What is six minus three?", SRM_ZERO_TERMINATED, "Three.", SRM_ZERO_TERMINATED, &found) != SRM_OK)
    fail("score", FIND(library, srm_last_error)());
  if (FIND(library, srm_reward_close)(reward) != SRM_OK) fail("close", FIND(library, srm_last_error)());
  if (dlclose(library) != 0) fail("dlclose", dlerror());
  printf("%.9g\n", found);
}

/* Threads that used the library end after dlclose; its thread-locals are destroyed then. */
static void *in_thread(void *path) {
  score(path);
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  arguments = argv;
  struct sigaction before, after;
  sigaction(SIGINT, NULL, &before);
  for (int i = 0; i < 3; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, in_thread, argv[1]) != 0) fail("pthread_create", "no thread");
    pthread_join(thread, NULL);
  }
  score(argv[1]);
  if (argc > 4) score(argv[4]); /* a second runtime in this process */
  sigaction(SIGINT, NULL, &after);
  if (before.sa_handler != after.sa_handler) fail("SIGINT", "the library changed the handler");
  return 0;
}
