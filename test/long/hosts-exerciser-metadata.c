// Metadata, names and content of files that all share and nobody ever removes: whatever name one has says which it is (`mK.0`; `mK.1` is a further
// one), so that each call by name means that file. What was set, and what was seen, is written down with the times at which the call began and
// ended, in microseconds:
//
//   W K BEGIN END WHAT=VALUE…  set (w: nobody knows whether it was: the mount has died; e: what has the name now is not what was changed)
//   S K BEGIN END WHAT=VALUE…  seen
//   M NAME CHANGE BEGIN END    the file has got (1) or lost (-1) this name (m: nobody knows; x: it has not, for who looks at a failure)
//
// A time that is `now` is the one of the call. The content is never read: that would change the time of access.
#include "hosts-exerciser.h"

enum { FILES = 32, HOT = 2, USERS = 6 };

/** Where the names of each file were last found. */
static unsigned found[FILES][2];

struct call {
  int file;
  double begin, end;
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void become(uid_t user) {
  if (seteuid(user) < 0) fail("seteuid", errno);
}

static void told(char letter, const struct call *it, const char *what) { printf("%c %d %.3f %.3f %s\n", letter, it->file, it->begin, it->end, what); }

/** What a change was answered. @param denied what somebody else than the owner is told, or 0 */
static int changed(struct call *it, int result, int denied, const char *what) {
  int error = result < 0 ? errno : 0;
  it->end = now();
  if (error == 0) told('W', it, what);
  else if (is_death(error)) told('w', it, what);
  else if (error == ENOENT || error == ESTALE) told('e', it, what);
  errno = error;
  return may(result, 0, denied);
}

/** Which times to set: of access, of modification or both; to what, or to that of the call. */
static void choose_times(struct timespec to[2], char *what) {
  int which = 1 + (int)below(3), present = below(4) == 0;
  *what = '\0';
  for (int i = 0; i < 2; i++) {
    to[i].tv_nsec = UTIME_OMIT;
    if (!(which & (1 << i))) continue;
    const char *name = i == 0 ? "atime" : "mtime";
    if (present) {
      to[i].tv_nsec = UTIME_NOW;
      what += sprintf(what, "%s=now ", name);
    } else {
      to[i].tv_sec = 1000000000 + below(100000000);
      to[i].tv_nsec = below(1000000000);
      what += sprintf(what, "%s=%ld%09ld ", name, (long)to[i].tv_sec, to[i].tv_nsec);
    }
  }
}

static void see(struct call *it, const char *path) {
  struct stat st;
  char what[300], value[32];
  if (!may(stat(path, &st), 0, 0)) return;
  it->end = now();
  sprintf(what, "mode=%o uid=%u gid=%u atime=%ld%09ld mtime=%ld%09ld", st.st_mode & 07777, st.st_uid, st.st_gid, (long)st.st_atim.tv_sec,
          st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  told('S', it, what);
  const char *name = below(2) ? "user.a" : "user.b";
  it->begin = now();
  ssize_t got = getxattr(path, name, value, sizeof value);
  it->end = now();
  if (!may(got < 0 ? -1 : 0, 0, ENODATA) && errno != ENODATA) return;
  sprintf(what, "%s=%.*s", name, got < 0 ? 1 : (int)got, got < 0 ? "-" : value);
  told('S', it, what);
}

static void append(struct call *it, const char *path) {
  char line[PATH], what[PATH];
  int fd = open(path, O_WRONLY | O_APPEND);
  // What others change all the time does not come up (docs/semantics.md).
  if (!may(fd, 0, EBUSY)) return;
  sprintf(line, "R %s.%lu\n", id, serial);
  sprintf(what, "mtime=now record=%s.%lu", id, serial);
  it->begin = now();
  ssize_t wrote = write(fd, line, strlen(line));
  if (wrote >= 0 && wrote != (ssize_t)strlen(line)) fail("a short write", 0);
  int error = errno;
  // GlusterFS may put the write off until then, and its time.
  if (close(fd) < 0 && !is_death(errno)) fail("close", errno);
  errno = error;
  changed(it, wrote < 0 ? -1 : 0, 0, what);
}

/** The file has this name, or has lost it. */
static void named(char letter, const struct call *it, const char *path, int change) {
  if (path) printf("%c %s %d %.3f %.3f\n", letter, path, change, it->begin, it->end);
}

static int renamed(struct call *it, int result, int other, const char *from, const char *to) {
  int error = result < 0 ? errno : 0;
  char letter = is_death(error) ? 'm' : error ? 'x' : 'M';
  it->end = now();
  named(letter, it, from, -1);
  named(letter, it, to, 1);
  errno = error;
  return may(result, 0, other);
}

/** Most of it goes to a few files at a time, which are the same for all processes, and others as time goes on. */
static int choose(void) {
  if (below(5) == 0) return (int)below(FILES);
  double passed = (now() / 1e6 - (double)began) / (double)(ends - began);
  return (int)((unsigned)(passed * FILES) + below(HOT)) % FILES;
}

void metadata(void) {
  char path[PATH], other[PATH], what[PATH * 2];
  struct timespec times[2];
  struct call it = {.file = choose()};
  int further = below(4) == 0, does = (int)below(20), root = below(3) > 0;
  unsigned *at = &found[it.file][further], to = below(SHARED);
  uid_t user = geteuid();
  int own = user != 0 && !root, denied = own ? EPERM : 0;
  sprintf(path, "d%u/m%d.%d", *at, it.file, further);
  sprintf(other, "d%u/m%d.1", to, it.file);
  sprintf(doing, "metadata %d %s %s%s", does, path, other, own ? "" : ", as root");
  serial++;
  struct stat st;
  if (!may(stat(path, &st), 0, 0)) {
    *at = below(SHARED);
    return;
  }
  if (!own) become(0);
  it.begin = now();
  errno = 0;
  switch (does) {
    case 0: case 1: case 2: {
      // Whoever it belongs to, everybody may write to it.
      unsigned mode = 0666 | (below(2) << 9) | (below(2) << 6) | (below(2) << 3) | below(2);
      sprintf(what, "mode=%o", mode);
      changed(&it, chmod(path, mode), denied, what);
      break;
    }
    case 3: case 4: case 5: case 6:
      choose_times(times, what);
      changed(&it, utimensat(AT_FDCWD, path, times, 0), denied, what);
      break;
    case 7: case 8: case 9: {
      const char *name = below(2) ? "user.a" : "user.b";
      char value[32];
      sprintf(value, "%s.%lu", id, serial);
      sprintf(what, "%s=%s", name, value);
      changed(&it, setxattr(path, name, value, strlen(value), 0), 0, what);
      break;
    }
    case 10: {
      const char *name = below(2) ? "user.a" : "user.b";
      sprintf(what, "%s=-", name);
      changed(&it, removexattr(path, name), ENODATA, what);
      break;
    }
    case 11: case 12: {
      if (own) break;
      int which = 1 + (int)below(3);
      uid_t uid = which & 1 ? 20000 + below(USERS) : (uid_t)-1;
      gid_t gid = which & 2 ? 30000 + below(USERS) : (gid_t)-1;
      *what = '\0';
      if (which & 1) sprintf(what, "uid=%u ", uid);
      if (which & 2) sprintf(what + strlen(what), "gid=%u", gid);
      changed(&it, chown(path, uid, gid), 0, what);
      break;
    }
    case 13: case 14: see(&it, path); break;
    case 15: case 16:
      // Whoever is not its owner is told EPERM for whatever stands in the way of the kernel's asking whether he may write to it.
      denied = link(path, other);
      if (denied < 0 && errno == EPERM && own) errno = ENOENT;
      renamed(&it, denied, EEXIST, NULL, other);
      if (errno == 0) found[it.file][1] = to;
      break;
    case 17:
      if (further) {
        renamed(&it, unlink(path), 0, path, NULL);
        break;
      }
      sprintf(other, "d%u/m%d.0", to, it.file);
      if (to != *at && renamed(&it, renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_NOREPLACE), EEXIST, path, other)) *at = to;
      break;
    default: append(&it, path);
  }
  if (errno == ENOENT) *at = below(SHARED);
  if (!own) become(user);
}
