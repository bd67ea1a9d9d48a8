// An ordinary user who owns directories in the layers and attacks whoever works in them as root, for him or for others.
//
//   attacker swap DIR VICTIM SEED   swaps what lies in DIR for links, others' files and directories; prints how often each way succeeded
//   attacker watch LAYER... SEED    looks in the layers for what must never be there
//   attacker use DIR ROUNDS SECONDS [NEW OLD] SEED
//                                   does anything to what lies in DIR; prints how often each call succeeded, and how it failed.
//                                   Removes what lies in NEW now and then, and lays it out anew in OLD
//
// The former two go on until they are ended by SIGTERM. Anybody may use the directory: root takes care not to follow links. What must
// never be had, seen or found ends a process with status 1, and is named on its standard error; a call that hangs, with SIGALRM.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
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

// A call that takes longer hangs.
#define PATIENCE 40

static volatile sig_atomic_t ended;

static void end(int signal) {
  (void)signal;
  ended = 1;
}

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

// A directory to be read. Closes what it cannot read.
static DIR *directory(int fd) {
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  int error = errno;
  if (fd >= 0 && dir == NULL) close(fd);
  errno = error;
  return dir;
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
  DIR *dir = directory(fd);
  if (dir == NULL) return;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) clear(fd, entry->d_name, depth - 1);
  }
  closedir(dir);
  unlinkat(parent, name, AT_REMOVEDIR);
}

// What is put in the place of something else.
enum kind { DIRECTORY_LINK, FILE_LINK, HARD_LINK, DIRECTORY, PLAIN, FIFO, TRICK_KINDS };
static const char *const KIND_NAMES[] = {"link for directory", "link for file", "hard link", "directory", "file", "fifo"};

struct trick {
  const char *target; // what is swapped, in the user's directory
  enum kind kind;     // for what
  const char *to;     // of links: % stands for the victim's directory
};

static const struct trick TRICKS[] = {
    {"dir", DIRECTORY_LINK, "%"},
    {"dir", DIRECTORY_LINK, "%/closed"},
    {"dir", DIRECTORY_LINK, "../r"},
    {"dir", DIRECTORY, NULL},
    {"dir", PLAIN, NULL},
    {"dir/sub", DIRECTORY_LINK, "%/sub"},
    {"dir/sub", DIRECTORY_LINK, "%"},
    {"dir/sub", DIRECTORY, NULL},
    {"dir/empty", DIRECTORY_LINK, "%/sub"},
    {"dir/f", FILE_LINK, "%/f"},
    {"dir/f", FILE_LINK, "../../r/f"},
    {"dir/f", HARD_LINK, "../r/open"},
    {"dir/f", DIRECTORY, NULL},
    {"dir/f", FIFO, NULL},
    {"dir/f", PLAIN, NULL},
    {"dir/g", HARD_LINK, "../r/open"},
    {"dir/g", FIFO, NULL},
    {"dir/s", FILE_LINK, "%/s"},
    {"dir/s", HARD_LINK, "../r/open"},
    {"dir/s", FILE_LINK, "../../r/s"},
    {"dir/sub/f", FILE_LINK, "%/sub/f"},
};

// What is to be swapped in, and what is away meanwhile: names of each process's own.
static char other_name[32], away_name[32];

static int made(int u, const struct trick *trick, const char *victim) {
  char to[PATH_MAX] = "";
  if (trick->to != NULL && trick->to[0] == '%') snprintf(to, sizeof to, "%s%s", victim, trick->to + 1);
  else if (trick->to != NULL) strcpy(to, trick->to);
  mkdirat(u, "alt", 0755);
  clear(u, other_name, 4);
  clear(u, away_name, 4);
  switch (trick->kind) {
    case HARD_LINK: return linkat(u, to, u, other_name, 0) == 0;
    case DIRECTORY: return mkdirat(u, other_name, 0755) == 0;
    case FIFO: return mkfifoat(u, other_name, 0666) == 0;
    case PLAIN: make(u, other_name, 0666); return 1;
    default: return symlinkat(to, u, other_name) == 0;
  }
}

// In one step, or in two.
static int exchanged(int u, const char *target) { return renameat2(u, other_name, u, target, RENAME_EXCHANGE) == 0; }

static int moved_away(int u, const char *target) {
  if (renameat(u, target, u, away_name) != 0) return 0;
  if (renameat(u, other_name, u, target) == 0) return 1;
  renameat(u, away_name, u, target);
  return 0;
}

static void swap(const char *path, const char *victim) {
  int u = open(path, O_RDONLY | O_DIRECTORY);
  if (u < 0) breach("%s: %s", path, strerror(errno));
  sprintf(other_name, "alt/x%d", (int)getpid());
  sprintf(away_name, "alt/y%d", (int)getpid());
  int counts[2][TRICK_KINDS] = {0};
  while (!ended) {
    enum kind kind = below(TRICK_KINDS);
    const struct trick *trick;
    do trick = &TRICKS[below(sizeof TRICKS / sizeof *TRICKS)];
    while (trick->kind != kind);
    int by_exchange = (int)below(2);
    alarm(PATIENCE);
    if (!made(u, trick, victim) || !(by_exchange ? exchanged(u, trick->target) : moved_away(u, trick->target))) {
      linger(200);
      continue;
    }
    counts[by_exchange][kind]++;
    linger(below(400));
    if (by_exchange) exchanged(u, trick->target);
    else if (renameat(u, trick->target, u, other_name) == 0) renameat(u, away_name, u, trick->target);
    linger(below(1500));
  }
  for (int by = 0; by < 2; by++) {
    for (int kind = 0; kind < TRICK_KINDS; kind++) {
      printf("%s: %s\t%d\n", by ? "exchange" : "rename", KIND_NAMES[kind], counts[by][kind]);
    }
  }
}

static void read_through(int fd, const char *name) {
  char bytes[256];
  ssize_t count = read(fd, bytes, sizeof bytes);
  if (count > 0 && memmem(bytes, (size_t)count, SECRET, strlen(SECRET)) != NULL) breach("%s shows what is secret", name);
}

static int list(int at) {
  DIR *dir = directory(openat(at, ".", O_RDONLY | O_DIRECTORY));
  if (dir == NULL) return -1;
  errno = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, HUSH) == 0) breach("a closed directory was listed");
  }
  int error = errno;
  closedir(dir);
  errno = error;
  return error == 0 ? 0 : -1;
}

static const char *const CALLS[] = {
    "append",  "cut at open", "truncate", "chmod",       "chown",    "utimens",  "setxattr", "rename",           "rename up",
    "rename directory", "rmdir", "unlink",   "link",     "create",   "mkdir",    "list",     "read",     "exchange",
};
enum { CREATE = 13, MKDIR = 14, KINDS = sizeof CALLS / sizeof *CALLS };

static int opened(int fd) {
  if (fd < 0) return -1;
  int result = write(fd, "more\n", 5) < 0 ? -1 : 0;
  int error = errno;
  close(fd);
  errno = error;
  return result;
}

// Who owns the directory.
static uid_t owner;

// What root does to an object, he does to one that he has looked at: it is the user's, and no link. The path is the object's itself.
static int pinned(int at, const char *name, char *path) {
  struct stat stat;
  int fd = openat(at, name, O_PATH | O_NOFOLLOW);
  if (fd < 0) return -1;
  if (fstat(fd, &stat) == 0 && stat.st_uid == owner && !S_ISLNK(stat.st_mode)) {
    sprintf(path, "/proc/self/fd/%d", fd);
    return fd;
  }
  close(fd);
  errno = EACCES;
  return -1;
}

static int change(unsigned kind, const char *path) {
  switch (kind) {
    case 2: return truncate(path, 2);
    case 3: return chmod(path, below(2) ? 04755 : 0644);
    case 4: return chown(path, owner, owner);
    default: return setxattr(path, "user.mine", "mine", 4, 0);
  }
}

// One call in a directory `at` that the caller has gone into.
static int call(unsigned kind, int at) {
  static const char *const names[] = {"f", "g", "s", "f"};
  const char *name = names[below(4)];
  const char *other = names[below(4)];
  static const struct timespec times[2] = {{1, 1}, {1, 1}};
  char path[PATH_MAX];
  if (getuid() == 0 && ((kind >= 2 && kind <= 4) || kind == 6)) {
    int fd = pinned(at, name, path);
    if (fd < 0) return -1;
    int result = change(kind, path);
    int error = errno;
    close(fd);
    errno = error;
    return result;
  }
  snprintf(path, sizeof path, "/proc/self/fd/%d/%s", at, name);
  switch (kind) {
    case 0: return opened(openat(at, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK));
    case 1: return opened(openat(at, name, O_RDWR | O_TRUNC | O_NOFOLLOW | O_NONBLOCK));
    case 2:
    case 3: return change(kind, path);
    case 4: return fchownat(at, name, getuid(), getgid(), AT_SYMLINK_NOFOLLOW);
    case 5: return utimensat(at, name, times, AT_SYMLINK_NOFOLLOW);
    case 6: return lsetxattr(path, "user.mine", "mine", 4, 0);
    case 7: return renameat(at, name, at, other);
    case 8: return renameat(at, name, at, "../g");
    case 9: return renameat(at, "sub", at, below(2) ? "empty" : "sub2");
    case 10: return unlinkat(at, below(2) ? "empty" : "sub2", AT_REMOVEDIR);
    case 11: return unlinkat(at, name, 0);
    case 12: unlinkat(at, "l", 0); return linkat(at, name, at, "l", 0);
    case CREATE: return opened(openat(at, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0644));
    case MKDIR: return mkdirat(at, "empty", 0755);
    case 15: return list(at);
    case 16: {
      int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      if (fd < 0) return -1;
      read_through(fd, name);
      return close(fd);
    }
    default: return renameat2(at, name, at, other, RENAME_EXCHANGE);
  }
}

// Goes into what has the name of a directory. Root follows no link on the way there either.
static int entered(int u, int deep) {
  enum { FLAGS = O_PATH | O_DIRECTORY | O_NOFOLLOW };
  if (!deep || getuid() != 0) return openat(u, deep ? "dir/sub" : "dir", FLAGS);
  int dir = openat(u, "dir", FLAGS);
  int sub = dir < 0 ? -1 : openat(dir, "sub", FLAGS);
  if (dir >= 0) close(dir);
  return sub;
}

// What has come up covers the old storage: away with it now and then, and that has its files again.
static void renew(int new, int old) {
  if (below(4) == 0) clear(new, "dir", 4);
  fill(old);
}

static void use(const char *path, int rounds, int seconds, const char *new, const char *old) {
  enum { ERRORS = 134 };
  static int failed[KINDS][ERRORS];
  int counts[KINDS] = {0};
  struct stat stat;
  int u = open(path, O_PATH | O_DIRECTORY);
  if (u < 0 || fstat(u, &stat) != 0) breach("%s: %s", path, strerror(errno));
  owner = stat.st_uid;
  int new_u = new == NULL ? -1 : open(new, O_RDONLY | O_DIRECTORY);
  int old_u = old == NULL ? -1 : open(old, O_RDONLY | O_DIRECTORY);
  time_t last = time(NULL) + seconds;
  for (int round = 0; round < rounds && time(NULL) < last;) {
    alarm(PATIENCE);
    if (old_u >= 0) renew(new_u, old_u);
    int at = entered(u, below(3) == 0);
    if (at < 0) linger(200);
    for (unsigned more = at < 0 ? 0 : 1 + below(4); more > 0; more--, round++) {
      unsigned kind = below(KINDS);
      if (getuid() == 0 && (kind == CREATE || kind == MKDIR)) continue; // it would be root's
      if (call(kind, at) == 0) counts[kind]++;
      else failed[kind][errno < ERRORS ? errno : 0]++;
    }
    if (at >= 0) close(at);
  }
  for (unsigned kind = 0; kind < KINDS; kind++) {
    printf("%s\t%d", CALLS[kind], counts[kind]);
    for (int error = 0; error < ERRORS; error++) {
      if (failed[kind][error] > 0) printf("\t%s=%d", strerrorname_np(error), failed[kind][error]);
    }
    puts("");
  }
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
  if (!S_ISDIR(stat.st_mode) || depth == 0) {
    close(fd);
    return;
  }
  DIR *dir = directory(fd);
  if (dir == NULL) return;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, HUSH) == 0) breach("a closed directory lies there");
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) look(fd, entry->d_name, depth - 1);
  }
  closedir(dir);
}

static void watch(char **layers) {
  while (!ended) {
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
  signal(SIGTERM, end);
  signal(SIGPIPE, SIG_IGN);
  if (argc == 5 && strcmp(argv[1], "swap") == 0) swap(argv[2], argv[3]);
  else if ((argc == 6 || argc == 8) && strcmp(argv[1], "use") == 0)
    use(argv[2], atoi(argv[3]), atoi(argv[4]), argv[5], argc == 8 ? argv[6] : NULL);
  else if (strcmp(argv[1], "watch") == 0) watch(argv + 2);
  else breach("attacker: what?");
  return 0;
}
