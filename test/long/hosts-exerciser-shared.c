// Names that all share: a process of the exerciser writes down what it was answered.
#include "hosts-exerciser.h"

enum { SHARED_NAMES = 6 };

/** The id of an open shared file, from its first line; 0 while it has none. */
static int file_id(int fd, char *into) {
  char line[64] = "";
  ssize_t got = pread(fd, line, sizeof line - 1, 0);
  if (!may(got < 0 ? -1 : 0, 0, 0) || got == 0) return 0;
  if (sscanf(line, "F %40s\n", into) != 1 || !strchr(line, '\n')) fail("a shared file with another beginning", 0);
  return 1;
}

void shared(void) {
  char a[PATH], b[PATH], line[PATH], file[48];
  int what = (int)below(16), fd;
  sprintf(a, "d%u/s%u", below(SHARED), below(SHARED_NAMES));
  sprintf(b, "d%u/s%u", below(SHARED), below(SHARED_NAMES));
  sprintf(doing, "shared %d %s %s", what, a, b);
  serial++;
  switch (what) {
    case 0: case 1:
      if (!may(fd = open(a, O_WRONLY | O_CREAT | O_EXCL, 0666), 'c', EEXIST)) return;
      sprintf(line, "F %s.%lu\n", id, serial);
      if (!may(write(fd, line, strlen(line)) == (ssize_t)strlen(line) ? 0 : -1, 'c', 0)) fail("write", errno);
      printf("C %s.%lu\n", id, serial);
      close(fd);
      return;
    case 2:
      if (may(unlink(a), 'u', 0)) printf("U\n");
      return;
    case 3: case 4:
      may(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_NOREPLACE), 'r', EEXIST);
      return;
    case 5:
      if (below(3) == 0 && may(rename(a, b), 'o', 0) && strcmp(a, b)) printf("O\n");
      return;
    case 6: case 7:
      if (!may(fd = open(a, O_RDONLY), 0, 0)) return;
      file_id(fd, file);
      close(fd);
      return;
    default:
      if (!may(fd = open(a, O_RDWR | O_APPEND), 0, 0)) return;
      if (file_id(fd, file)) {
        sprintf(line, "R %s.%lu\n", id, serial);
        ssize_t wrote = write(fd, line, strlen(line));
        int error = errno;
        if (wrote < 0 && is_death(error)) {
          printf("a %s %s.%lu\n", file, id, serial);
          died();
        }
        if (wrote != (ssize_t)strlen(line)) fail("append", error);
        printf("A %s %s.%lu\n", file, id, serial);
      }
      if (close(fd) < 0 && !is_death(errno)) fail("close", errno);
  }
}

/** Lists a directory, each name once, and looks at what is in there. */
void look(void) {
  char path[PATH], seen[400][256];
  int count = 0;
  struct stat st;
  sprintf(path, "d%u", below(SHARED));
  sprintf(doing, "list %s", path);
  DIR *dir = opendir(path);
  if (dir == NULL) must(-1, 0);
  struct dirent *entry;
  while ((errno = 0, entry = readdir(dir)) != NULL) {
    for (int i = 0; i < count; i++)
      if (strcmp(seen[i], entry->d_name) == 0) fail("listed twice", 0);
    if (count < 400) snprintf(seen[count++], sizeof seen[0], "%s", entry->d_name);
    may(fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW), 0, 0);
  }
  if (errno != 0) must(-1, 0);
  closedir(dir);
}
