// An ordinary user who owns directories in the layers and attacks whoever works in them for him as root.
//
//   attacker swap DIR VICTIM SEED             exchanges what lies in DIR for links, others' files and directories, until it is ended
//   attacker use MNT LOWER UPPER ROUNDS SEED  does anything to it through the mount; prints how often each call succeeded
//   attacker watch LAYER... SEED              looks in the layers for what must never be there, until it is ended
//
// What this user must never have, see or find ends a process with status 1, and is named on its standard error.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

// The content of what only root may read, and the name of a file in a directory that only root may list.
#define SECRET "SECRET"
#define HUSH "hush"

// Beside the users' own, what was root's all the time may be found in a directory of theirs: a hard link of a file that all may write.
#define SHARED (S_IFREG | 0666)

// A busy machine is not waited for longer.
#define SECONDS 12

static unsigned random_state;

static unsigned below(unsigned n) {
  random_state = random_state * 1103515245u + 12345u;
  return (random_state >> 16) % n;
}

static void breach(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  exit(1);
}

static void linger(unsigned microseconds) {
  struct timespec time = {0, microseconds * 1000L};
  nanosleep(&time, NULL);
}

static void make(int dir, const char *name, mode_t mode) {
  int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
  if (fd < 0) return;
  if (write(fd, "mine\n", 5) != 5 || fchmod(fd, mode) != 0) perror(name);
  close(fd);
}

// His directory, as it lies on the old storage. What is there stays.
static void fill(int u) {
  mkdirat(u, "dir", 0755);
  mkdirat(u, "dir/sub", 0755);
  mkdirat(u, "dir/empty", 0755);
  mkdirat(u, "alt", 0755);
  int dir = openat(u, "dir", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (dir < 0) return;
  make(dir, "f", 0644);
  make(dir, "g", 0644);
  make(dir, "s", 04755);
  int sub = openat(dir, "sub", O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (sub >= 0) {
    make(sub, "f", 0644);
    make(sub, "g", 0644);
    close(sub);
  }
  close(dir);
}

// Removes what has a name, a directory with all that is in it.
static void clear(int parent, const char *name, int depth) {
  if (unlinkat(parent, name, 0) == 0 || depth == 0) return;
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) return;
  DIR *dir = fdopendir(fd);
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) clear(fd, entry->d_name, depth - 1);
  }
  closedir(dir);
  unlinkat(parent, name, AT_REMOVEDIR);
}

struct trick {
  const char *target; // what is exchanged, in the user's directory
  char kind;          // for what: l a symlink, h a hard link, d a directory, f a file, p a FIFO
  const char *to;     // of links: % stands for the victim's directory
};

static const struct trick TRICKS[] = {
    {"dir", 'l', "%"},          {"dir", 'l', "%/closed"},   {"dir", 'l', "../r"},       {"dir", 'd', NULL},
    {"dir", 'f', NULL},         {"dir/sub", 'l', "%/sub"},  {"dir/sub", 'l', "%"},      {"dir/sub", 'd', NULL},
    {"dir/empty", 'l', "%/sub"}, {"dir/f", 'l', "%/f"},     {"dir/f", 'l', "../../r/f"}, {"dir/f", 'h', "../r/open"},
    {"dir/f", 'd', NULL},       {"dir/f", 'p', NULL},       {"dir/f", 'f', NULL},       {"dir/g", 'h', "../r/open"},
    {"dir/s", 'l', "%/s"},      {"dir/s", 'h', "../r/open"}, {"dir/s", 'l', "../../r/s"}, {"dir/sub/f", 'l', "%/sub/f"},
};

static void swap(const char *path, const char *victim) {
  int u = open(path, O_RDONLY | O_DIRECTORY);
  if (u < 0) breach("%s: %s", path, strerror(errno));
  for (;;) {
    const struct trick *trick = &TRICKS[below(sizeof TRICKS / sizeof *TRICKS)];
    const char *other = "alt/x";
    char to[PATH_MAX] = "";
    if (trick->to != NULL && trick->to[0] == '%') snprintf(to, sizeof to, "%s%s", victim, trick->to + 1);
    else if (trick->to != NULL) strcpy(to, trick->to);
    mkdirat(u, "alt", 0755);
    clear(u, other, 4);
    if (trick->kind == 'l') symlinkat(to, u, other);
    else if (trick->kind == 'h') linkat(u, to, u, other, 0);
    else if (trick->kind == 'd') mkdirat(u, other, 0755);
    else if (trick->kind == 'p') mkfifoat(u, other, 0666);
    else make(u, other, 0666);
    if (renameat2(u, other, u, trick->target, RENAME_EXCHANGE) != 0) {
      linger(200);
      continue;
    }
    linger(below(400));
    renameat2(u, other, u, trick->target, RENAME_EXCHANGE);
    linger(below(1500));
  }
}

static void read_through(int fd, const char *name) {
  char bytes[256];
  ssize_t count = read(fd, bytes, sizeof bytes);
  if (count > 0 && memmem(bytes, (size_t)count, SECRET, strlen(SECRET)) != NULL) breach("%s shows what is secret", name);
}

static void list(int at) {
  int fd = openat(at, ".", O_RDONLY | O_DIRECTORY);
  if (fd < 0) return;
  DIR *dir = fdopendir(fd);
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, HUSH) == 0) breach("a closed directory was listed");
  }
  closedir(dir);
}

static const char *const CALLS[] = {
    "append",  "cut at open", "truncate", "chmod",       "chown",    "utimens",  "setxattr", "rename",           "rename up",
    "rename directory", "rmdir", "unlink",   "link",     "create",   "mkdir",    "list",     "read",     "exchange",
};
enum { KINDS = sizeof CALLS / sizeof *CALLS };

static int opened(int fd) {
  if (fd < 0) return -1;
  if (write(fd, "more\n", 5) < 0) perror("write");
  return close(fd);
}

// One call in a directory `at` that the user has gone into.
static int call(unsigned kind, int at) {
  static const char *const names[] = {"f", "g", "s", "f"};
  const char *name = names[below(4)];
  const char *other = names[below(4)];
  static const struct timespec times[2] = {{1, 1}, {1, 1}};
  char path[PATH_MAX];
  snprintf(path, sizeof path, "/proc/self/fd/%d/%s", at, name);
  switch (kind) {
    case 0: return opened(openat(at, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK));
    case 1: return opened(openat(at, name, O_RDWR | O_TRUNC | O_NOFOLLOW | O_NONBLOCK));
    case 2: return truncate(path, 2);
    case 3: return fchmodat(at, name, below(2) ? 04755 : 0644, 0);
    case 4: return fchownat(at, name, getuid(), getgid(), AT_SYMLINK_NOFOLLOW);
    case 5: return utimensat(at, name, times, AT_SYMLINK_NOFOLLOW);
    case 6: return lsetxattr(path, "user.mine", "mine", 4, 0);
    case 7: return renameat(at, name, at, other);
    case 8: return renameat(at, name, at, "../g");
    case 9: return renameat(at, "sub", at, below(2) ? "empty" : "sub2");
    case 10: return unlinkat(at, below(2) ? "empty" : "sub2", AT_REMOVEDIR);
    case 11: return unlinkat(at, name, 0);
    case 12: unlinkat(at, "l", 0); return linkat(at, name, at, "l", 0);
    case 13: return opened(openat(at, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0644));
    case 14: return mkdirat(at, "empty", 0755);
    case 15: list(at); return 0;
    case 16: {
      int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      if (fd < 0) return -1;
      read_through(fd, name);
      return close(fd);
    }
    default: return renameat2(at, name, at, other, RENAME_EXCHANGE);
  }
}

static void use(const char *mnt, const char *lower, const char *upper, int rounds) {
  int below_u = open(lower, O_RDONLY | O_DIRECTORY);
  int above_u = open(upper, O_RDONLY | O_DIRECTORY);
  int u = open(mnt, O_PATH | O_DIRECTORY);
  if (below_u < 0 || above_u < 0 || u < 0) breach("%s: %s", mnt, strerror(errno));
  int counts[KINDS] = {0};
  time_t end = time(NULL) + SECONDS;
  for (int round = 0; round < rounds && time(NULL) < end;) {
    // What has come up covers what is swapped: away with it now and then, and the old storage has its files again.
    if (below(4) == 0) clear(above_u, "dir", 4);
    fill(below_u);
    int at = openat(u, below(3) ? "dir" : "dir/sub", O_PATH | O_DIRECTORY | O_NOFOLLOW);
    for (unsigned more = at < 0 ? 0 : 1 + below(4); more > 0; more--, round++) {
      unsigned kind = below(KINDS);
      if (call(kind, at) == 0) counts[kind]++;
    }
    if (at >= 0) close(at);
  }
  for (unsigned kind = 0; kind < KINDS; kind++) printf("%s\t%d\n", CALLS[kind], counts[kind]);
}

static void look(int parent, const char *name, int depth) {
  struct stat stat;
  if (fstatat(parent, name, &stat, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (stat.st_uid != getuid() && stat.st_mode != SHARED) {
    breach("%s of %u has come there, mode %o", name, stat.st_uid, stat.st_mode);
  }
  if (!S_ISDIR(stat.st_mode) && !S_ISREG(stat.st_mode)) return;
  int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return;
  if (S_ISREG(stat.st_mode)) read_through(fd, name);
  DIR *dir = S_ISDIR(stat.st_mode) && depth > 0 ? fdopendir(fd) : NULL;
  if (dir == NULL) {
    close(fd);
    return;
  }
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, HUSH) == 0) breach("a closed directory lies there");
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) look(fd, entry->d_name, depth - 1);
  }
  closedir(dir);
}

static void watch(char **layers) {
  for (;;) {
    for (char **each = layers; *each != NULL; each++) {
      int root = open(*each, O_PATH | O_DIRECTORY);
      look(root, "u", 6);
      if (openat(root, ".migratefs", O_RDONLY | O_DIRECTORY) >= 0 || openat(root, ".migratefs/work", O_PATH) >= 0) {
        breach("%s: .migratefs is open", *each);
      }
      close(root);
    }
    linger(50);
  }
}

int main(int argc, char **argv) {
  if (argc < 3) breach("attacker: what?");
  random_state = (unsigned)atoi(argv[argc - 1]);
  argv[argc - 1] = NULL;
  if (argc == 5 && strcmp(argv[1], "swap") == 0) swap(argv[2], argv[3]);
  else if (argc == 7 && strcmp(argv[1], "use") == 0) use(argv[2], argv[3], argv[4], atoi(argv[5]));
  else if (strcmp(argv[1], "watch") == 0) watch(argv + 2);
  else breach("attacker: what?");
  return 0;
}
