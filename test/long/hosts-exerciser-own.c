// Names of its own, of which a process of the exerciser knows all: every answer is what it must be.
#include "hosts-exerciser.h"

enum { LOOSE = 4, OWN_DIRS = 2, IN_DIR = 4, SLOTS = SHARED * LOOSE + OWN_DIRS * IN_DIR, LABELS = 3, MOST = 12000 };

struct object {
  int links, mode, length;
  char value[16], data[MOST];
};

static struct object *slots[SLOTS];
/** Own directories: the shared one they lie in, or -1 when they are not there; and their label. */
static int parent[OWN_DIRS], label[OWN_DIRS];
/** Own names of which nobody knows what has become of them when the mount dies. */
static int touched[2] = {-1, -1}, touched_dir = -1;

static void slot_path(int slot, char *into) {
  if (slot < SHARED * LOOSE) {
    sprintf(into, "d%d/p%s-%d", slot / LOOSE, id, slot % LOOSE);
    return;
  }
  int dir = (slot - SHARED * LOOSE) / IN_DIR;
  sprintf(into, "d%d/p%s-dir%d.%d/%d", parent[dir], id, dir, label[dir], slot % IN_DIR);
}

static int slot_is_possible(int slot) { return slot < SHARED * LOOSE || parent[(slot - SHARED * LOOSE) / IN_DIR] >= 0; }

static void dir_path(int dir, int in, int with, char *into) { sprintf(into, "d%d/p%s-dir%d.%d", in, id, dir, with); }

void list_own(void) {
  char path[PATH];
  for (int dir = 0; dir < OWN_DIRS; dir++) {
    if (touched_dir == dir || parent[dir] < 0) continue;
    dir_path(dir, parent[dir], label[dir], path);
    printf("D %s\n", path);
  }
  for (int slot = 0; slot < SLOTS; slot++) {
    struct object *it = slots[slot];
    int unsure = slot == touched[0] || slot == touched[1];
    for (int i = 0; i < 2 && it; i++) unsure |= touched[i] >= 0 && slots[touched[i]] == it;
    if (!slot_is_possible(slot) || (slot >= SHARED * LOOSE && (slot - SHARED * LOOSE) / IN_DIR == touched_dir)) continue;
    slot_path(slot, path);
    if (unsure) printf("? %s\n", path);
    else if (it) {
      printf("N %s %o %d %s ", path, it->mode, it->links, it->value[0] ? it->value : "-");
      fwrite(it->data, 1, (size_t)it->length, stdout);
      putchar('\n');
    }
  }
  fflush(stdout);
}

static void fill(struct object *it, int at, int length) {
  for (int i = 0; i < length; i++) it->data[at + i] = (char)('a' + below(26));
  if (at + length > it->length) it->length = at + length;
}

static void put(int fd, struct object *it, int at, int length, int append) {
  if (at > it->length) memset(it->data + it->length, '0', (size_t)(at - it->length));
  fill(it, at, length);
  ssize_t wrote = append ? write(fd, it->data + at, (size_t)length) : pwrite(fd, it->data + at, (size_t)length, at);
  if (wrote >= 0 && wrote != length) fail("a short write", 0);
  must(wrote < 0 ? -1 : 0, 0);
}

static void compare(const char *path, struct object *it) {
  static char data[MOST + 1];
  struct stat st;
  int fd = open(path, O_RDONLY);
  must(fd, it ? 0 : ENOENT);
  if (!it) return;
  must(fstat(fd, &st), 0);
  ssize_t got = read(fd, data, sizeof data);
  must(got < 0 ? -1 : 0, 0);
  close(fd);
  int same = 0;
  while (same < got && same < it->length && data[same] == it->data[same]) same++;
  if (got != it->length || same != got) {
    fprintf(stderr, "%s: inode %lu, %ld bytes of %d are read, the size is %ld, they differ from %d on: %.20s, not %.20s\n", path, st.st_ino, (long)got,
            it->length, (long)st.st_size, same, data + same, it->data + same);
    fail("other content", 0);
  }
  if (st.st_size != it->length) fail("other size", 0);
  if ((int)(st.st_mode & 07777) != it->mode) fail("other mode", 0);
  // The last name that is given to a copy counts twice until it has left the old storage.
  if ((int)st.st_nlink != it->links && (int)st.st_nlink != it->links + 1) {
    sprintf(doing + strlen(doing), " has %d links, not %d", (int)st.st_nlink, it->links);
    fail("other links", 0);
  }
}

static void drop(int slot) {
  if (slots[slot] && --slots[slot]->links == 0) free(slots[slot]);
  slots[slot] = NULL;
}

/** Something to a file of its own. */
void own_file(void) {
  char a[PATH], b[PATH], value[16] = "";
  int from = (int)below(SLOTS), to = (int)below(SLOTS);
  if (!slot_is_possible(from) || !slot_is_possible(to)) return;
  slot_path(from, a);
  slot_path(to, b);
  struct object *it = slots[from];
  int there = it ? 0 : ENOENT, what = (int)below(16), fd, at;
  sprintf(doing, "own %d %s %s", what, a, b);
  remember();
  touched[0] = from;
  touched[1] = to;
  switch (what) {
    case 0: case 1: case 2:
      must(fd = open(a, O_RDWR | O_CREAT | O_EXCL, 0640), it ? EEXIST : 0);
      if (it) break;
      it = slots[from] = calloc(1, sizeof *it);
      it->links = 1;
      it->mode = 0640;
      put(fd, it, 0, 1 + (int)below(4000), 0);
      must(close(fd), 0);
      break;
    case 3: case 4: case 5:
      must(fd = open(a, O_WRONLY | O_APPEND), there);
      if (!it) break;
      if (it->length < MOST - 200) put(fd, it, it->length, 1 + (int)below(200), 1);
      must(close(fd), 0);
      break;
    case 6:
      must(fd = open(a, O_RDWR), there);
      if (!it) break;
      at = (int)below((unsigned)it->length + 1);
      put(fd, it, at, (int)below((unsigned)(MOST - at)) / 4, 0);
      must(fsync(fd), 0);
      must(close(fd), 0);
      break;
    case 7:
      at = it ? (int)below((unsigned)it->length + 1) : 1;
      must(truncate(a, at), there);
      if (it) it->length = at;
      break;
    case 8:
      must(unlink(a), there);
      drop(from);
      break;
    case 9: case 10: case 11:
      must(rename(a, b), there);
      if (!it || it == slots[to]) break; // two names of one file: nothing is done
      drop(to);
      slots[to] = it;
      slots[from] = NULL;
      break;
    case 12:
      must(link(a, b), !it ? ENOENT : slots[to] ? EEXIST : 0);
      if (it && !slots[to]) (slots[to] = it)->links++;
      break;
    case 13:
      at = 0600 + (int)below(0100);
      must(chmod(a, (mode_t)at), there);
      if (it) it->mode = at;
      break;
    case 14:
      sprintf(value, "v%u", below(10000));
      must(setxattr(a, "user.x", value, strlen(value), 0), there);
      if (it) strcpy(it->value, value);
      break;
    default: compare(a, it);
  }
  touched[0] = touched[1] = -1;
}

static int is_empty(int dir) {
  for (int i = 0; i < IN_DIR; i++)
    if (slots[SHARED * LOOSE + dir * IN_DIR + i]) return 0;
  return 1;
}

/** Makes, renames or removes a directory of its own. */
void own_directory(void) {
  char a[PATH], b[PATH];
  int dir = (int)below(OWN_DIRS), in = (int)below(SHARED), with = (int)below(LABELS);
  touched_dir = dir;
  dir_path(dir, in, with, b);
  if (parent[dir] < 0) {
    sprintf(doing, "mkdir %s", b);
    remember();
    must(mkdir(b, 0750), 0);
    parent[dir] = in;
    label[dir] = with;
  } else {
    dir_path(dir, parent[dir], label[dir], a);
    if (below(3) == 0) {
      sprintf(doing, "rmdir %s", a);
      remember();
      must(rmdir(a), is_empty(dir) ? 0 : ENOTEMPTY);
      if (is_empty(dir)) parent[dir] = -1;
    } else {
      sprintf(doing, "rename %s %s", a, b);
      remember();
      must(rename(a, b), 0);
      parent[dir] = in;
      label[dir] = with;
    }
  }
  touched_dir = -1;
}

/** What a process begins with: every other name of its own, the first two in each shared directory one file; and one of its directories. */
void begin(int laying) {
  char path[PATH];
  for (int dir = 0; dir < OWN_DIRS; dir++) parent[dir] = -1;
  parent[0] = label[0] = 0;
  dir_path(0, 0, 0, path);
  if (laying) must(mkdir(path, 0750), 0);
  for (int slot = 0; slot < SLOTS; slot += 2) {
    if (!slot_is_possible(slot)) continue;
    struct object *it = slots[slot] = calloc(1, sizeof *it);
    it->links = 1;
    it->mode = 0640;
    it->length = sprintf(it->data, "laid-%s-%d-", id, slot);
    while (it->length < 300 * (slot + 1)) it->data[it->length++] = 'x';
    slot_path(slot, path);
    if (!laying) continue;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0640);
    must(fd, 0);
    must(write(fd, it->data, (size_t)it->length) == it->length ? 0 : -1, 0);
    close(fd);
  }
  for (int slot = 0; slot < SHARED * LOOSE; slot += LOOSE) {
    char other[PATH];
    slot_path(slot, path);
    slot_path(slot + 1, other);
    (slots[slot + 1] = slots[slot])->links = 2;
    if (laying) must(link(path, other), 0);
  }
}
