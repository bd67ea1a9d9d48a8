// Does random things to a tree that processes on other hosts change too. Names of its own it knows all about: every answer is what it must be.
// Of names that all share it knows what was answered, and writes that down: each file begins with a line `F id`, and each record `R id` that is
// appended is unique.
//
//   hosts-exerciser lay DIR ID               makes the files that process ID begins with
//   hosts-exerciser run DIR ID SEED SECONDS UID GID   works with them, as that user, and with shared metadata as root too
//   hosts-exerciser own DIR ID SEED SECONDS UID GID   works with its own names alone
//   hosts-exerciser metadata DIR ID SEED SECONDS UID GID  works with shared metadata alone
//   hosts-exerciser look DIR ID SEED SECONDS UID GID  only looks at everybody's
//
// On standard output: what was done to shared names, one line each (small letters: nobody knows whether it was done), and at the end its own
// names. Exit status 0: nothing unexpected; 3: the mount has died under it; 1: what it was is on standard error.
#include "hosts-exerciser.h"

const char *id;
unsigned long serial;
time_t began, ends;
char doing[4 * PATH];
static uint64_t state, seed;
static unsigned long operation;

static uint64_t next(void) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (state * 2685821657736338717ull) >> 11;
}

unsigned below(unsigned n) { return (unsigned)(next() % n); }

// What was done to own names, for who looks at a failure.
enum { PAST = 60 };
static char past[PAST][sizeof doing];
static unsigned long done;

void remember(void) { strcpy(past[done++ % PAST], doing); }

void fail(const char *what, int error) {
  fprintf(stderr, "hosts-exerciser: process %s, seed %llu, operation %lu, %s: %s: %s\n", id, (unsigned long long)seed, operation, doing, what,
          strerror(error));
  for (unsigned long i = done > PAST ? done - PAST : 0; i < done; i++) fprintf(stderr, "  %s\n", past[i % PAST]);
  exit(1);
}

/** What a daemon that was killed is answered for. */
int is_death(int error) { return error == ENOTCONN || error == ECONNABORTED || error == ENODEV; }

void died(void) {
  list_own();
  exit(3);
}

/** Does what must succeed, or fail with `expected`. */
void must(int result, int expected) {
  int error = result < 0 ? errno : 0;
  if (error && is_death(error)) died();
  if (error != expected) fail(expected ? strerror(expected) : "expected to succeed", error);
}

/** What a shared name may be answered with. @returns whether it was done; one that died says so by `letter` in small. */
int may(int result, char letter, int other) {
  if (result >= 0) return 1;
  if (is_death(errno)) {
    if (letter) printf("%c %s.%lu\n", letter | 32, id, serial);
    died();
  }
  if (errno != ENOENT && errno != ESTALE && errno != other) fail("unexpected", errno);
  return 0;
}

int main(int count, char **words) {
  if (count < 4 || chdir(words[2]) < 0) return 2;
  umask(0);
  id = words[3];
  if (strcmp(words[1], "lay") == 0) {
    begin(1);
    return 0;
  }
  if (count < 8) return 2;
  seed = strtoull(words[4], NULL, 10);
  state = seed * 2654435761u + 88172645463325252ull;
  if (setgroups(0, NULL) < 0 || setegid((gid_t)atoi(words[7])) < 0 || seteuid((uid_t)atoi(words[6])) < 0) fail("seteuid", errno);
  begin(0);
  began = time(NULL);
  ends = began + atoi(words[5]);
  int describes = strcmp(words[1], "metadata") == 0, works = strcmp(words[1], "look") != 0, shares = strcmp(words[1], "own") != 0;
  for (operation = 0; time(NULL) < ends; operation++) {
    unsigned what = below(works ? shares ? 25 : 10 : 1);
    if (describes) metadata();
    else if (!works || what == 19) look();
    else if (what < 9) own_file();
    else if (what < 10) own_directory();
    else if (what < 20) shared();
    else metadata();
  }
  if (works) list_own();
  fprintf(stderr, "%lu operations\n", operation);
  return 0;
}
