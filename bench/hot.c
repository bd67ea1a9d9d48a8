// The inner loops of the benchmark: one kind of operation on many files, from one process or several, with nothing else in the way.
//
//   hot OPERATION [-p PROCESSES] [-d DIRECTORIES] [-n FILES] [-f FIRST] [-s BYTES] [-t SECONDS] [-l] DIRECTORY
//
// It works on the files d0/f0, d0/f1, … d1/f0, … below DIRECTORY: FILES in each of DIRECTORIES, counted from FIRST; with -d 0 they lie in
// DIRECTORY itself. Each process has its own stretch of them. All begin together; with -t they go round until the time is over.
// -l takes the time of each operation. Prints one line of JSON: operations, seconds from the first beginning to the last end, and with -l
// the 50th and 99th of a hundred times, in nanoseconds.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_TIMES = 1 << 20 }; // of one process; later ones are not kept

struct share {
  uint64_t begun, ended, done, times;
};

static unsigned processes = 1, directories = 0, files = 1, first = 0, self;
static size_t bytes = 0;
static double seconds = 0;
static int latencies = 0;
static char *buffer;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what, const char *path) {
  fprintf(stderr, "hot: %s %s: %s\n", what, path, strerror(errno));
  _exit(1);
}

static const char *name(char kind, uint64_t item) {
  static char paths[2][64];
  static unsigned turn;
  char *path = paths[turn++ % 2];
  unsigned file = first + (unsigned)(item % files);
  if (directories == 0)
    sprintf(path, "%c%u", kind, file);
  else
    sprintf(path, "d%u/%c%u", (unsigned)(item / files), kind, file);
  return path;
}

static int open_or_fail(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC, 0644);
  if (fd < 0) fail("open", path);
  return fd;
}

static void close_or_fail(int fd, const char *path) {
  if (close(fd) < 0) fail("close", path);
}

static void write_all(int fd, size_t left, const char *path) {
  while (left > 0) {
    ssize_t put = write(fd, buffer, left < 65536 ? left : 65536);
    if (put < 0) fail("write", path);
    left -= (size_t)put;
  }
}

static uint64_t op_stat(uint64_t item) {
  struct stat st;
  const char *path = name('f', item);
  if (lstat(path, &st) < 0) fail("stat", path);
  return 1;
}

static uint64_t op_open(uint64_t item) {
  const char *path = name('f', item);
  close_or_fail(open_or_fail(path, O_RDONLY), path);
  return 1;
}

static uint64_t op_create(uint64_t item) {
  const char *path = name('f', item);
  int fd = open_or_fail(path, O_WRONLY | O_CREAT | O_EXCL);
  write_all(fd, bytes, path);
  close_or_fail(fd, path);
  return 1;
}

static uint64_t op_read(uint64_t item) {
  const char *path = name('f', item);
  int fd = open_or_fail(path, O_RDONLY);
  ssize_t got;
  while ((got = read(fd, buffer, 65536)) > 0) {}
  if (got < 0) fail("read", path);
  close_or_fail(fd, path);
  return 1;
}

static uint64_t op_append(uint64_t item) {
  const char *path = name('f', item);
  int fd = open_or_fail(path, O_WRONLY | O_APPEND);
  write_all(fd, 1, path);
  close_or_fail(fd, path);
  return 1;
}

static uint64_t op_unlink(uint64_t item) {
  const char *path = name('f', item);
  if (unlink(path) < 0) fail("unlink", path);
  return 1;
}

static uint64_t op_mkdir(uint64_t item) {
  const char *path = name('m', item);
  if (mkdir(path, 0755) < 0) fail("mkdir", path);
  return 1;
}

static uint64_t op_rename(uint64_t item) {
  const char *from = name('f', item), *to = name('g', item);
  if (rename(from, to) < 0) fail("rename", from);
  return 1;
}

/** Makes the directories d0, d1, … as far as they are not there. */
static uint64_t op_dirs(uint64_t item) {
  char path[64];
  sprintf(path, "d%u", (unsigned)(item / files));
  if (item % files == 0 && mkdir(path, 0755) < 0 && errno != EEXIST) fail("mkdir", path);
  return 1;
}

/** Counts a name as one operation. */
static uint64_t op_list(uint64_t item) {
  char path[64] = ".";
  uint64_t names = 0;
  if (item % files != 0) return 0;
  if (directories > 0) sprintf(path, "d%u", (unsigned)(item / files));
  DIR *dir = opendir(path);
  if (dir == NULL) fail("opendir", path);
  for (;;) {
    errno = 0;
    if (readdir(dir) == NULL) break;
    names++;
  }
  if (errno != 0) fail("readdir", path);
  closedir(dir);
  return names;
}

static char new[64], other[64];

/** What users do to metadata all day: looks, opens, and now and then a new file or directory that gets another name and goes. */
static uint64_t op_mix(uint64_t item) {
  static uint64_t count;
  struct stat st;
  switch (count++ % 11) {
    case 8: if (mkdir(new, 0755) < 0) fail("mkdir", new); return 1;
    case 9: if (rename(new, other) < 0) fail("rename", new); return 1;
    case 10: if (rmdir(other) < 0) fail("rmdir", other); return 1;
    case 4: close_or_fail(open_or_fail(new, O_WRONLY | O_CREAT | O_EXCL), new); return 1;
    case 5: if (lstat(new, &st) < 0) fail("stat", new); return 1;
    case 6: if (rename(new, other) < 0) fail("rename", new); return 1;
    case 7: if (unlink(other) < 0) fail("unlink", other); return 1;
    case 3: return op_open(item);
    default: return op_stat(item);
  }
}

static const struct {
  const char *name;
  uint64_t (*run)(uint64_t item);
} operations[] = {
  {"stat", op_stat}, {"open", op_open}, {"create", op_create}, {"read", op_read}, {"append", op_append}, {"unlink", op_unlink},
  {"mkdir", op_mkdir}, {"rename", op_rename}, {"dirs", op_dirs}, {"list", op_list}, {"mix", op_mix},
};

static void work(uint64_t (*run)(uint64_t), struct share *share, uint64_t *times) {
  uint64_t all = (uint64_t)(directories == 0 ? 1 : directories) * files;
  uint64_t from = all * self / processes, to = all * (self + 1) / processes;
  if (from == to) to = from + 1; // more processes than files: some share one
  sprintf(new, "new-%u", self);
  sprintf(other, "other-%u", self);
  share->begun = now();
  uint64_t until = seconds > 0 ? share->begun + (uint64_t)(seconds * 1e9) : UINT64_MAX;
  for (int on = 1; on;) {
    for (uint64_t item = from; item < to; item++) {
      uint64_t before = latencies ? now() : 0;
      share->done += run(item);
      if (latencies && share->times < MOST_TIMES) times[share->times++] = now() - before;
      if (seconds > 0 && now() >= until) {
        on = 0;
        break;
      }
    }
    if (seconds == 0) on = 0;
  }
  share->ended = now();
  if (run != op_mix) return;
  unlink(new); // it may have ended in between
  unlink(other);
  rmdir(new);
  rmdir(other);
}

static int ascending(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void *shared(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("mmap", "");
  return memory;
}

static void report(const struct share *shares, uint64_t *times) {
  uint64_t begun = UINT64_MAX, ended = 0, done = 0, kept = 0;
  for (unsigned p = 0; p < processes; p++) {
    if (shares[p].begun < begun) begun = shares[p].begun;
    if (shares[p].ended > ended) ended = shares[p].ended;
    done += shares[p].done;
    memmove(times + kept, times + (size_t)p * MOST_TIMES, shares[p].times * sizeof *times);
    kept += shares[p].times;
  }
  printf("{\"operations\":%lu,\"seconds\":%.9f", done, (double)(ended - begun) / 1e9);
  if (kept > 0) {
    qsort(times, kept, sizeof *times, ascending);
    printf(",\"p50\":%lu,\"p99\":%lu", times[kept / 2], times[kept - 1 - kept / 100]);
  }
  puts("}");
}

int main(int argc, char **argv) {
  uint64_t (*run)(uint64_t) = NULL;
  for (size_t i = 0; argc > 1 && i < sizeof operations / sizeof *operations; i++)
    if (strcmp(argv[1], operations[i].name) == 0) run = operations[i].run;
  optind = 2;
  for (int c; run != NULL && (c = getopt(argc, argv, "p:d:n:f:s:t:l")) != -1;) {
    if (c == 'p') processes = (unsigned)atoi(optarg);
    else if (c == 'd') directories = (unsigned)atoi(optarg);
    else if (c == 'n') files = (unsigned)atoi(optarg);
    else if (c == 'f') first = (unsigned)atoi(optarg);
    else if (c == 's') bytes = (size_t)atol(optarg);
    else if (c == 't') seconds = atof(optarg);
    else if (c == 'l') latencies = 1;
    else run = NULL;
  }
  if (run == NULL || optind != argc - 1 || processes == 0 || files == 0) {
    fputs("usage: hot OPERATION [-p N] [-d N] [-n N] [-f N] [-s BYTES] [-t SECONDS] [-l] DIRECTORY\n", stderr);
    return 2;
  }
  if (chdir(argv[optind]) < 0) fail("chdir", argv[optind]);
  umask(022);
  buffer = malloc(65536);
  memset(buffer, 'x', 65536);
  struct share *shares = shared(processes * sizeof *shares);
  uint64_t *times = shared((size_t)processes * MOST_TIMES * sizeof *times);
  int gate[2];
  if (pipe(gate) < 0) fail("pipe", "");
  for (self = 0; self < processes; self++) {
    pid_t child = fork();
    if (child < 0) fail("fork", "");
    if (child > 0) continue;
    char go;
    close(gate[1]);
    (void)!read(gate[0], &go, 1); // ends when the parent closes its end: all begin together
    work(run, shares + self, times + (size_t)self * MOST_TIMES);
    _exit(0);
  }
  close(gate[0]);
  close(gate[1]);
  int failed = 0;
  for (int status; wait(&status) > 0;) failed |= status != 0;
  if (!failed) report(shares, times);
  return failed;
}
