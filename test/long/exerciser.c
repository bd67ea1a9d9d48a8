// Does random things to the contents of two files and compares every byte that it reads with a model in memory. The sequence is
// the seed's alone, so that a failure can be played again. Odd seeds map the files, even ones open them with O_DIRECT as well: both
// at once is no more than best effort on any file system (open(2), NOTES; xfs answers EIO).
//
//   exerciser lay DIR NAME SEED                  makes the two files in a storage, as they are at the beginning
//   exerciser run DIR NAME SEED SECONDS OPS OUT  works on them until either is over (0: the other alone), and leaves in OUT/NAME.0
//                                                and OUT/NAME.1 what they must hold
//
// Exit status 0: everything was as it should be. 1: what was wrong, the seed and the last operations are on standard error.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 2, SLOTS = 5, PAGE = 4096, MOST = 192 * PAGE, MOST_AT_ONCE = 16 * PAGE, REMEMBERED = 60 };

struct slot {
  int fd, flags;
};

struct file {
  char names[2][64]; // the one that it has, and the one that it gets by the next rename
  int linked;        // whether the second name is a link to it as well
  size_t size;
  unsigned char *model;
  struct slot slots[SLOTS];
  int early;              // open for reading since the beginning, and mapped
  unsigned char *mapping; // of MOST bytes
};

static struct file files[FILES];
static uint64_t state, seed;
static unsigned long operation;
static char history[REMEMBERED][160];
static unsigned char *buffer; // page-aligned, MOST bytes
static int mapped, no_direct;

static uint64_t next(void) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 2685821657736338717ull;
}

static size_t below(size_t n) { return n == 0 ? 0 : (next() >> 16) % n; }

static void note(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(history[operation % REMEMBERED], sizeof history[0], format, values);
  va_end(values);
}

static void fail(const char *format, ...) {
  va_list values;
  int error = errno;
  fprintf(stderr, "exerciser: seed %llu, operation %lu: ", (unsigned long long)seed, operation);
  va_start(values, format);
  vfprintf(stderr, format, values);
  va_end(values);
  fprintf(stderr, " (errno %d, %s)\n", error, strerror(error));
  unsigned long first = operation >= REMEMBERED ? operation - REMEMBERED + 1 : 0;
  for (unsigned long i = first; i <= operation; i++) fprintf(stderr, "  %lu %s\n", i, history[i % REMEMBERED]);
  exit(1);
}

#define MUST(what) \
  do { \
    errno = 0; \
    if (!(what)) fail("%s, line %d", #what, __LINE__); \
  } while (0)

static void compare(const struct file *f, size_t at, size_t length, const unsigned char *got, const char *how) {
  for (size_t i = 0; i < length; i++) {
    unsigned char want = at + i < f->size ? f->model[at + i] : 0;
    if (got[i] == want) continue;
    size_t bad = 0;
    for (size_t k = i; k < length; k++) bad += got[k] != (at + k < f->size ? f->model[at + k] : 0);
    fail("%s of file %d: byte 0x%zx is %02x instead of %02x, %zu of the next 0x%zx are wrong; size 0x%zx", how,
         (int)(f - files), at + i, got[i], want, bad, length - i, f->size);
  }
}

/** What is past the end is zero in the model, always. */
static void resize(struct file *f, size_t size) {
  if (size < f->size) memset(f->model + size, 0, f->size - size);
  f->size = size;
}

static void put(struct file *f, size_t at, size_t length, const unsigned char *data) {
  memcpy(f->model + at, data, length);
  if (at + length > f->size) f->size = at + length;
}

static void noise(unsigned char *into, size_t length) {
  size_t zeros = next() % 8 == 0 ? length : 0;
  for (size_t i = 0; i < length; i++) into[i] = i < zeros ? 0 : (unsigned char)(next() >> 40);
}

static int is_direct(const struct slot *s) { return (s->flags & O_DIRECT) != 0; }
static int reads(const struct slot *s) { return (s->flags & O_ACCMODE) != O_WRONLY; }
static int writes(const struct slot *s) { return (s->flags & O_ACCMODE) != O_RDONLY; }

static void reopen(struct file *f, struct slot *s, int truncate) {
  static const int kinds[] = {O_RDONLY, O_RDWR, O_RDWR, O_WRONLY, O_RDWR | O_APPEND, O_RDWR | O_DIRECT, O_RDONLY | O_DIRECT,
                              O_RDWR | O_SYNC, O_WRONLY | O_APPEND, O_WRONLY | O_DSYNC};
  if (s->fd >= 0) MUST(close(s->fd) == 0);
  s->flags = kinds[below(sizeof kinds / sizeof *kinds)];
  if (no_direct) s->flags &= ~O_DIRECT;
  if (truncate) s->flags = (s->flags & ~O_ACCMODE) | O_RDWR;
  int which = f->linked && next() % 2;
  note("open file %d, name %d, flags 0%o%s", (int)(f - files), which, s->flags, truncate ? ", cut" : "");
  s->fd = open(f->names[which], s->flags | (truncate ? O_TRUNC : 0));
  if (s->fd < 0 && errno == EINVAL && is_direct(s)) {
    no_direct = 1;
    s->flags &= ~O_DIRECT;
    s->fd = open(f->names[which], s->flags | (truncate ? O_TRUNC : 0));
  }
  MUST(s->fd >= 0);
  if (truncate) resize(f, 0);
}

static struct slot *slot_that(struct file *f, int (*can)(const struct slot *)) {
  size_t first = below(SLOTS);
  for (size_t i = 0; i < SLOTS; i++)
    if (can(&f->slots[(first + i) % SLOTS])) return &f->slots[(first + i) % SLOTS];
  struct slot *s = &f->slots[first];
  while (!can(s)) reopen(f, s, 0);
  return s;
}

/** A random piece of what a file may be long; of whole pages for O_DIRECT. */
static void piece(size_t within, int pages, size_t *at, size_t *length) {
  *at = below(within);
  *length = 1 + below(MOST_AT_ONCE);
  if (next() % 3 == 0) *length = 1 + below(200);
  if (pages) {
    *at -= *at % PAGE;
    *length = (*length + PAGE - 1) / PAGE * PAGE;
  }
  if (*at + *length > MOST) *length = MOST - *at;
}

static void do_read(struct file *f) {
  struct slot *s = next() % 8 == 0 ? NULL : slot_that(f, reads);
  int fd = s ? s->fd : f->early;
  size_t at, length;
  piece(f->size + PAGE, s && is_direct(s), &at, &length);
  if (at >= MOST) return;
  note("read file %d at 0x%zx, 0x%zx bytes, %s", (int)(f - files), at, length,
       !s ? "opened at the beginning" : is_direct(s) ? "direct" : "cached");
  size_t want = at >= f->size ? 0 : f->size - at < length ? f->size - at : length;
  ssize_t got = pread(fd, buffer, length, (off_t)at);
  // xfs refuses a direct read, also on a plain directory, that meets blocks which cached writes have reserved and not got yet; behind the
  // end of the file they may stay that.
  if (got < 0 && errno == EIO && s && is_direct(s)) {
    MUST(fdatasync(fd) == 0);
    got = pread(fd, buffer, (want + PAGE - 1) / PAGE * PAGE, (off_t)at);
  }
  if (got != (ssize_t)want) fail("read %zd bytes instead of %zu; size 0x%zx", got, want, f->size);
  compare(f, at, want, buffer, "read");
}

static void do_write(struct file *f) {
  struct slot *s = slot_that(f, writes);
  size_t at, length;
  piece(f->size + 2 * PAGE < MOST ? f->size + 2 * PAGE : MOST, is_direct(s), &at, &length);
  if (at >= MOST || length == 0) return;
  if (s->flags & O_APPEND) at = f->size;
  if (at + length > MOST) length = MOST - at;
  if (length == 0 || (is_direct(s) && length % PAGE)) return;
  noise(buffer, length);
  note("write file %d at 0x%zx, 0x%zx bytes, flags 0%o", (int)(f - files), at, length, s->flags);
  ssize_t put_bytes = s->flags & O_APPEND ? write(s->fd, buffer, length) : pwrite(s->fd, buffer, length, (off_t)at);
  if (put_bytes != (ssize_t)length) fail("wrote %zd bytes instead of %zu", put_bytes, length);
  put(f, at, length, buffer);
}

static void do_map(struct file *f, int change) {
  if (f->size == 0) return;
  struct slot *s = slot_that(f, reads);
  for (size_t i = 0; change && !(writes(s) && reads(s)); i++) {
    s = &f->slots[i % SLOTS];
    if (i >= SLOTS) reopen(f, s, 0);
  }
  size_t at, length;
  piece(f->size, 0, &at, &length);
  if (at + length > f->size) length = f->size - at;
  size_t start = at - at % PAGE, end = (at + length + PAGE - 1) / PAGE * PAGE;
  int private = !change && next() % 4 == 0, synced = next() % 2;
  note("map file %d at 0x%zx, 0x%zx bytes, %s", (int)(f - files), at, length,
       change ? (synced ? "write, msync" : "write") : private ? "read, private" : "read");
  unsigned char *map = mmap(NULL, end - start, PROT_READ | (change ? PROT_WRITE : 0), private ? MAP_PRIVATE : MAP_SHARED, s->fd,
                            (off_t)start);
  MUST(map != MAP_FAILED);
  if (change) {
    noise(buffer, length);
    memcpy(map + (at - start), buffer, length);
    put(f, at, length, buffer);
    if (synced) MUST(msync(map, end - start, MS_SYNC) == 0);
  }
  compare(f, start, end - start, map, "mapping"); // what is past the end reads as zeros
  MUST(munmap(map, end - start) == 0);
}

static void do_early_mapping(struct file *f) {
  size_t at, length;
  piece(f->size, 0, &at, &length);
  if (at + length > f->size) length = at < f->size ? f->size - at : 0;
  note("look at the mapping of the beginning, file %d at 0x%zx, 0x%zx bytes", (int)(f - files), at, length);
  compare(f, at, length, f->mapping + at, "mapping of the beginning");
}

static void do_truncate(struct file *f) {
  size_t size = next() % 4 == 0 ? below(MOST) : below(f->size + PAGE);
  if (size > MOST) size = MOST;
  int by_name = next() % 2;
  note("truncate file %d from 0x%zx to 0x%zx%s", (int)(f - files), f->size, size, by_name ? ", by name" : "");
  if (by_name) MUST(truncate(f->names[f->linked && next() % 2], (off_t)size) == 0);
  else MUST(ftruncate(slot_that(f, writes)->fd, (off_t)size) == 0);
  resize(f, size);
}

static void do_allocate(struct file *f) {
  static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
                              FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE};
  int mode = modes[below(sizeof modes / sizeof *modes)];
  int moves = mode == FALLOC_FL_COLLAPSE_RANGE || mode == FALLOC_FL_INSERT_RANGE;
  size_t at, length;
  piece(f->size + PAGE, moves, &at, &length);
  if (at >= MOST || length == 0) return;
  if (mode == FALLOC_FL_COLLAPSE_RANGE && at + length >= f->size) return;
  if (mode == FALLOC_FL_INSERT_RANGE && (at >= f->size || f->size + length > MOST)) return;
  // Punching and moving are refused on a file that can only grow by appending: any other handle will do.
  struct slot *s = slot_that(f, writes);
  if (s->flags & O_APPEND) return;
  note("fallocate file %d at 0x%zx, 0x%zx bytes, mode 0x%x", (int)(f - files), at, length, mode);
  if (fallocate(s->fd, mode, (off_t)at, (off_t)length) != 0) {
    if (errno == EOPNOTSUPP || (moves && errno == EINVAL)) return; // not every file system has all of them
    fail("fallocate");
  }
  size_t size = f->size;
  if (mode == FALLOC_FL_COLLAPSE_RANGE) {
    memmove(f->model + at, f->model + at + length, size - at - length);
    resize(f, size - length);
  } else if (mode == FALLOC_FL_INSERT_RANGE) {
    memmove(f->model + at + length, f->model + at, size - at);
    memset(f->model + at, 0, length);
    f->size = size + length;
  } else {
    if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) && at < size)
      memset(f->model + at, 0, at + length < size ? length : size - at);
    if (!(mode & FALLOC_FL_KEEP_SIZE) && at + length > size) f->size = at + length;
  }
}

static void do_copy(struct file *from) {
  struct file *to = &files[below(FILES)];
  size_t at, length, target = below(to->size + PAGE);
  piece(from->size, 0, &at, &length);
  if (at + length > from->size) length = at < from->size ? from->size - at : 0;
  if (target + length > MOST || length == 0) return;
  if (from == to && at < target + length && target < at + length) return;
  struct slot *in = slot_that(from, reads), *out = slot_that(to, writes);
  if (out->flags & O_APPEND || is_direct(in) || is_direct(out)) return;
  note("copy file %d at 0x%zx, 0x%zx bytes, to file %d at 0x%zx", (int)(from - files), at, length, (int)(to - files), target);
  off_t off_in = (off_t)at, off_out = (off_t)target;
  ssize_t count = copy_file_range(in->fd, &off_in, out->fd, &off_out, length, 0);
  if (count <= 0 || count > (ssize_t)length) fail("copied %zd bytes", count);
  memcpy(buffer, from->model + at, (size_t)count);
  put(to, target, (size_t)count, buffer);
}

/** Nothing but zeros may lie in what is said to be a hole. */
static void do_seek(struct file *f) {
  int fd = slot_that(f, reads)->fd;
  note("look for holes of file %d", (int)(f - files));
  for (off_t at = 0; (size_t)at < f->size;) {
    off_t data = lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno != ENXIO) fail("SEEK_DATA");
    size_t until = data < 0 ? f->size : (size_t)data;
    for (size_t i = (size_t)at; i < until; i++)
      if (f->model[i]) fail("data at 0x%zx in a hole of 0x%zx to 0x%zx", i, (size_t)at, until);
    if (data < 0) break;
    off_t hole = lseek(fd, data, SEEK_HOLE);
    MUST(hole >= data);
    at = hole > data ? hole : data + PAGE; // ext4, while the page is being written
  }
}

static void do_sync(struct file *f) {
  struct slot *s = &f->slots[below(SLOTS)];
  size_t how = below(3);
  note("%s file %d", how == 0 ? "fsync" : how == 1 ? "fdatasync" : "forget the pages of", (int)(f - files));
  if (how == 0) MUST(fsync(s->fd) == 0);
  else if (how == 1) MUST(fdatasync(s->fd) == 0);
  else MUST(posix_fadvise(s->fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
}

static void do_names(struct file *f) {
  char swap[64];
  size_t how = f->linked ? 1 : below(2);
  note("%s file %d", how == 0 ? "rename" : f->linked ? "unlink a name of" : "link", (int)(f - files));
  if (how == 0) {
    MUST(rename(f->names[0], f->names[1]) == 0);
  } else if (f->linked) {
    f->linked = 0;
    MUST(unlink(f->names[next() % 2 ? 1 : 0]) == 0);
    if (access(f->names[0], F_OK) == 0) return;
  } else {
    f->linked = 1;
    MUST(link(f->names[0], f->names[1]) == 0);
    return;
  }
  memcpy(swap, f->names[0], sizeof swap);
  memcpy(f->names[0], f->names[1], sizeof swap);
  memcpy(f->names[1], swap, sizeof swap);
}

static void do_stat(struct file *f) {
  struct stat by_name, by_handle, early;
  note("stat file %d", (int)(f - files));
  MUST(stat(f->names[0], &by_name) == 0);
  MUST(fstat(f->slots[below(SLOTS)].fd, &by_handle) == 0);
  MUST(fstat(f->early, &early) == 0);
  if ((size_t)by_name.st_size != f->size || (size_t)by_handle.st_size != f->size || (size_t)early.st_size != f->size)
    fail("size 0x%zx by name, 0x%zx by handle, 0x%zx by the first handle instead of 0x%zx", (size_t)by_name.st_size,
         (size_t)by_handle.st_size, (size_t)early.st_size, f->size);
  if (by_name.st_ino != by_handle.st_ino || by_name.st_ino != early.st_ino) fail("another file by its name than by its handle");
  if (by_name.st_nlink != (nlink_t)1 + (nlink_t)f->linked) fail("%d links", (int)by_name.st_nlink);
}

static void verify(struct file *f) {
  note("read all of file %d", (int)(f - files));
  int fd;
  MUST((fd = open(f->names[0], O_RDONLY)) >= 0);
  if (pread(fd, buffer, MOST, 0) != (ssize_t)f->size) fail("the file is not 0x%zx bytes long", f->size);
  compare(f, 0, f->size, buffer, "reading it all");
  MUST(close(fd) == 0);
}

static void step(void) {
  struct file *f = &files[below(FILES)];
  size_t what = below(100);
  if (what < 24) do_read(f);
  else if (what < 46) do_write(f);
  else if (what < 52 && mapped) do_map(f, 0);
  else if (what < 60 && mapped) do_map(f, 1);
  else if (what < 64 && mapped) do_early_mapping(f);
  else if (what < 64) do_write(f);
  else if (what < 70) do_truncate(f);
  else if (what < 77) do_allocate(f);
  else if (what < 82) do_copy(f);
  else if (what < 85) do_seek(f);
  else if (what < 88) do_sync(f);
  else if (what < 91) do_names(f);
  else if (what < 94) do_stat(f);
  else if (what < 99) reopen(f, &f->slots[below(SLOTS)], next() % 16 == 0);
  else verify(f);
}

/** What the files hold at the beginning follows from the seed. */
static void begin(const char *name) {
  state = seed * 2654435761u + 88172645463325252ull;
  MUST(posix_memalign((void **)&buffer, PAGE, MOST) == 0);
  for (int i = 0; i < FILES; i++) {
    struct file *f = &files[i];
    snprintf(f->names[0], sizeof f->names[0], "%s.%d", name, i);
    snprintf(f->names[1], sizeof f->names[1], "%s.%d+", name, i);
    MUST((f->model = calloc(1, MOST)) != NULL);
    f->size = below(MOST / 2);
    for (size_t at = 0; at < f->size; at += MOST_AT_ONCE)
      if (next() % 3) noise(f->model + at, f->size - at < MOST_AT_ONCE ? f->size - at : MOST_AT_ONCE);
  }
}

static void leave(const char *dir, const char *name) {
  for (int i = 0; i < FILES; i++) {
    char path[4096];
    int fd;
    snprintf(path, sizeof path, "%s/%s.%d", dir, name, i);
    MUST((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644)) >= 0);
    // Sparse, as the old storage's files are.
    for (size_t at = 0; at < files[i].size; at += PAGE) {
      size_t length = files[i].size - at < PAGE ? files[i].size - at : PAGE, k = 0;
      while (k < length && files[i].model[at + k] == 0) k++;
      if (k < length) MUST(pwrite(fd, files[i].model + at, length, (off_t)at) == (ssize_t)length);
    }
    MUST(ftruncate(fd, (off_t)files[i].size) == 0);
    MUST(close(fd) == 0);
  }
}

int main(int count, char **words) {
  if (count < 5) return 2;
  seed = strtoull(words[4], NULL, 10);
  mapped = no_direct = seed % 2 == 1;
  begin(words[3]);
  if (strcmp(words[1], "lay") == 0) {
    leave(words[2], words[3]);
    return 0;
  }
  if (count < 8) return 2;
  unsigned long seconds = strtoul(words[5], NULL, 10), most = strtoul(words[6], NULL, 10);
  MUST(chdir(words[2]) == 0);
  for (int i = 0; i < FILES; i++) {
    struct file *f = &files[i];
    MUST((f->early = open(f->names[0], O_RDONLY)) >= 0);
    if (mapped) MUST((f->mapping = mmap(NULL, MOST, PROT_READ, MAP_SHARED, f->early, 0)) != MAP_FAILED);
    verify(f);
    if (mapped) do_early_mapping(f);
    for (int k = 0; k < SLOTS; k++) {
      f->slots[k].fd = -1;
      reopen(f, &f->slots[k], 0);
    }
  }
  time_t end = time(NULL) + (time_t)seconds;
  for (operation = 1; (most == 0 || operation <= most) && (seconds == 0 || time(NULL) < end); operation++) step();
  for (int i = 0; i < FILES; i++) {
    struct file *f = &files[i];
    for (int k = 0; k < SLOTS; k++) MUST(close(f->slots[k].fd) == 0);
    verify(f);
    if (mapped) MUST(munmap(f->mapping, MOST) == 0);
    MUST(close(f->early) == 0);
    if (f->linked) MUST(unlink(f->names[1]) == 0);
    char name[64];
    snprintf(name, sizeof name, "%s.%d", words[3], i);
    if (strcmp(name, f->names[0]) != 0) MUST(rename(f->names[0], name) == 0);
    memcpy(f->names[0], name, sizeof name);
    verify(f);
  }
  leave(words[7], words[3]);
  printf("%lu operations\n", operation - 1);
  return 0;
}
