// Does random things to the names of one tree, which other processes do too; so nothing is known of what is there, but that no
// operation may fail in a way that a local file system's would not.
//
//   tree-exerciser lay DIR SEED OPS          makes part of a tree: for each layer another one
//   tree-exerciser run DIR SEED SECONDS OPS  works in it until either is over (0: the other alone)
//   tree-exerciser check DIR                 walks it: every name is there once, with the number and the type that stat tells
//
// Exit status 0: nothing unexpected. 1: what it was, the seed and the last operations are on standard error.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { DIRECTORIES = 4, NAMES = 9, DEPTH = 3, HELD = 6, REMEMBERED = 40, PATH = 256 };

static uint64_t state, seed;
static unsigned long operation;
static char history[REMEMBERED][2 * PATH + 80];
static int held[HELD];

static uint64_t next(void) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (state * 2685821657736338717ull) >> 11;
}

static unsigned below(unsigned n) { return (unsigned)(next() % n); }

static void note(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(history[operation % REMEMBERED], sizeof history[0], format, values);
  va_end(values);
}

static void fail(const char *what, int error) {
  fprintf(stderr, "tree-exerciser: seed %llu, operation %lu: %s: %s\n", (unsigned long long)seed, operation, what, strerror(error));
  unsigned long first = operation >= REMEMBERED ? operation - REMEMBERED + 1 : 0;
  for (unsigned long i = first; i <= operation; i++) fprintf(stderr, "  %lu %s\n", i, history[i % REMEMBERED]);
  exit(1);
}

/** What a name in a tree that others change may be answered with, whatever is done; `more` ends with 0. */
static void expect(int result, const int *more) {
  static const int always[] = {ENOENT, ENOTDIR, EISDIR, ELOOP, 0};
  if (result >= 0) return;
  int error = errno;
  for (const int *e = always; *e; e++)
    if (*e == error) return;
  for (const int *e = more; *e; e++)
    if (*e == error) return;
  fail("unexpected", error);
}

#define MAY(result, ...) \
  do { \
    static const int more_[] = {__VA_ARGS__ __VA_OPT__(, ) 0}; \
    expect((int)(result), more_); \
  } while (0)

static void directory(char *into) {
  int length = sprintf(into, ".");
  for (unsigned depth = below(DEPTH + 1); depth > 0; depth--) length += sprintf(into + length, "/d%u", below(DIRECTORIES));
}

/** One name in three is of a kind that directories have, so that kinds meet. */
static void name(char *into) {
  directory(into);
  if (below(3) == 0) sprintf(into + strlen(into), "/d%u", below(DIRECTORIES));
  else sprintf(into + strlen(into), "/n%u", below(NAMES));
}

static void scribble(int fd) {
  char data[9000];
  memset(data, 'a' + (int)below(26), sizeof data);
  size_t length = 1 + below(sizeof data);
  if (pwrite(fd, data, length, below(20000)) != (ssize_t)length) fail("a short write", errno);
}

static void hold(const char *path) {
  static const int flags[] = {O_RDONLY, O_RDWR, O_RDWR | O_CREAT, O_WRONLY | O_APPEND, O_RDWR | O_TRUNC};
  int *slot = &held[below(HELD)];
  if (*slot >= 0 && close(*slot) < 0) fail("close", errno);
  *slot = open(path, flags[below(5)] | O_NONBLOCK, 0600);
  MAY(*slot, ENXIO);
  struct stat st;
  if (*slot >= 0 && (fstat(*slot, &st) < 0 || !S_ISREG(st.st_mode))) {
    close(*slot);
    *slot = -1;
  }
}

/** What is open goes on working, whatever has become of its name. */
static void use_held(void) {
  int fd = held[below(HELD)];
  if (fd < 0) return;
  struct stat st;
  char data[512];
  int may_write = (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
  if (fstat(fd, &st) < 0) fail("fstat of an open file", errno);
  if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY && pread(fd, data, sizeof data, below(20000)) < 0) fail("read of an open file", errno);
  if (may_write) scribble(fd);
  if (may_write && below(4) == 0 && ftruncate(fd, below(20000)) < 0) fail("ftruncate of an open file", errno);
  if (below(4) == 0 && fchmod(fd, 0600 + below(0200)) < 0) fail("fchmod of an open file", errno);
  if (below(6) == 0 && fsync(fd) < 0) fail("fsync of an open file", errno);
}

static void list(const char *path) {
  DIR *dir = opendir(path);
  if (dir == NULL) {
    MAY(-1);
    return;
  }
  struct dirent *entry;
  for (unsigned most = below(60);; most--) {
    errno = 0;
    if ((entry = readdir(dir)) == NULL || most == 0) break;
  }
  // A directory that is being renamed or removed under the reader.
  if (entry == NULL && errno != 0 && errno != ENOENT) fail("readdir", errno);
  closedir(dir);
}

static int create(const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_NONBLOCK | (below(2) ? O_EXCL : 0), 0600 + below(0200));
  MAY(fd, EEXIST, ENXIO);
  struct stat st;
  if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) scribble(fd);
  if (fd >= 0) close(fd);
  return fd;
}

/** The operations that make something come first: a tree is laid out with them. */
enum { MAKING = 12, ALL = 30 };

static void step(unsigned what) {
  char a[PATH], b[PATH], value[64] = "";
  struct stat st;
  struct timespec times[2] = {{below(1 << 30), 5}, {below(1 << 30), 7}};
  name(a);
  name(b);
  note("%u %s %s", what, a, b);
  switch (what) {
    case 0: case 1: case 2: case 3: create(a); break;
    case 4: case 5: case 6: directory(a); note("mkdir %s", a); MAY(mkdir(a, 0700 + below(0100)), EEXIST); break;
    case 7: MAY(mkdir(a, 0755), EEXIST); break;
    case 8: MAY(symlink(below(2) ? strrchr(b, '/') + 1 : b, a), EEXIST); break;
    case 9: MAY(linkat(AT_FDCWD, a, AT_FDCWD, b, 0), EEXIST, EPERM); break; // EPERM: a directory
    case 10: MAY(mknod(a, S_IFIFO | 0600, 0), EEXIST); break;
    case 11: MAY(lsetxattr(a, "user.x", a, 1 + below(40), 0), EPERM); break; // EPERM: no user attributes on links and FIFOs
    case 12: case 13: MAY(unlink(a)); break;
    case 14: case 15: MAY(rmdir(a), ENOTEMPTY, EBUSY, EINVAL); break; // of `.`
    case 16: case 17: case 18: MAY(rename(a, b), ENOTEMPTY, EEXIST, EINVAL, EXDEV); break;
    case 19: MAY(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_NOREPLACE), EEXIST, EINVAL, EXDEV); break;
    case 20: MAY(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE), EINVAL, EXDEV, ENOTEMPTY); break;
    case 21: MAY(truncate(a, below(30000)), EINVAL); break; // of a FIFO
    case 22: MAY(chmod(a, 0600 + below(0200))); break;
    case 23: MAY(lchown(a, below(3), below(3))); break;
    case 24: MAY(utimensat(AT_FDCWD, a, times, AT_SYMLINK_NOFOLLOW)); break;
    case 25: MAY(lremovexattr(a, "user.x"), ENODATA, EPERM); MAY(lgetxattr(b, "user.x", value, sizeof value), ENODATA, EPERM); break;
    case 26: MAY(lstat(a, &st)); MAY(readlink(b, value, sizeof value), EINVAL); break;
    case 27: directory(a); list(a); break;
    case 28: hold(a); break;
    default: use_held();
  }
}

static unsigned long walked;

static void check(int at, const char *name) {
  int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) fail(name, errno);
  DIR *dir = fdopendir(fd);
  struct dirent *entry;
  char(*seen)[256] = NULL;
  size_t count = 0;
  while ((errno = 0, entry = readdir(dir)) != NULL) {
    note("%s/%s", name, entry->d_name);
    walked++;
    struct stat st;
    if (strcmp(entry->d_name, "..") == 0) continue;
    if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) fail("listed, but not there", errno);
    if (st.st_ino != entry->d_ino) fail("listed with another inode number", 0);
    if ((mode_t)DTTOIF(entry->d_type) != (st.st_mode & S_IFMT)) fail("listed with another type", 0);
    for (size_t i = 0; i < count; i++)
      if (strcmp(seen[i], entry->d_name) == 0) fail("listed twice", 0);
    seen = realloc(seen, ++count * sizeof *seen);
    strcpy(seen[count - 1], entry->d_name);
    if (S_ISDIR(st.st_mode) && strcmp(entry->d_name, ".") != 0) check(fd, entry->d_name);
  }
  if (errno != 0) fail("readdir", errno);
  free(seen);
  closedir(dir);
}

int main(int count, char **words) {
  if (count < 3) return 2;
  if (chdir(words[2]) < 0) fail(words[2], errno);
  if (strcmp(words[1], "check") == 0) {
    check(AT_FDCWD, ".");
    printf("%lu entries\n", walked);
    return 0;
  }
  if (count < 5) return 2;
  umask(0);
  seed = strtoull(words[3], NULL, 10);
  state = seed * 2654435761u + 88172645463325252ull;
  for (int i = 0; i < HELD; i++) held[i] = -1;
  int laying = strcmp(words[1], "lay") == 0;
  unsigned long seconds = laying ? 0 : strtoul(words[4], NULL, 10), most = strtoul(words[laying ? 4 : 5], NULL, 10);
  time_t end = time(NULL) + (time_t)seconds;
  for (operation = 0; (most == 0 || operation < most) && (seconds == 0 || time(NULL) < end); operation++)
    step(below(laying ? MAKING : ALL));
  printf("%lu operations\n", operation);
  return 0;
}
