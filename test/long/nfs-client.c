// A client of an NFS server for nfs.test.ts, over libnfs: commands on standard input, one answer each. Its header is not needed.
// gcc -o nfs-client nfs-client.c -l:libnfs.so.13; nfs-client 'nfs://127.0.0.1/export?nfsport=20049&version=4'

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct nfs_context;
struct nfsfh;
struct nfs_url {
  char *server, *path, *file;
};
struct nfs_stat_64 {
  uint64_t dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks, times[6], used;
};
struct nfs_context *nfs_init_context(void);
struct nfs_url *nfs_parse_url_dir(struct nfs_context *, const char *);
char *nfs_get_error(struct nfs_context *);
int nfs_mount(struct nfs_context *, const char *, const char *);
int nfs_open2(struct nfs_context *, const char *, int, int, struct nfsfh **);
int nfs_close(struct nfs_context *, struct nfsfh *);
int nfs_pwrite(struct nfs_context *, struct nfsfh *, uint64_t, uint64_t, const void *);
int nfs_pread(struct nfs_context *, struct nfsfh *, uint64_t, uint64_t, void *);
int nfs_rename(struct nfs_context *, const char *, const char *);
int nfs_unlink(struct nfs_context *, const char *);
int nfs_mkdir(struct nfs_context *, const char *);
int nfs_rmdir(struct nfs_context *, const char *);
int nfs_link(struct nfs_context *, const char *, const char *);
int nfs_truncate(struct nfs_context *, const char *, uint64_t);
int nfs_stat64(struct nfs_context *, const char *, struct nfs_stat_64 *);

static struct nfs_context *nfs;
static struct nfsfh *kept;

static void say(int result) {
  if (result < 0) puts(strerrorname_np(-result) ? strerrorname_np(-result) : "?");
  else puts("ok");
}

static void tell(struct nfsfh *file) {
  char text[201];
  int got = nfs_pread(nfs, file, 0, 200, text);
  if (got < 0) {
    say(got);
    return;
  }
  text[got] = 0;
  puts(text);
}

static int put(const char *path, const char *text, int flags) {
  struct nfsfh *file;
  int result = nfs_open2(nfs, path, O_WRONLY | flags, 0644, &file);
  if (result != 0) return result;
  result = nfs_pwrite(nfs, file, 0, strlen(text), text);
  int closed = nfs_close(nfs, file);
  return result < 0 ? result : closed;
}

static void run(const char *op, const char *a, const char *b) {
  struct nfs_stat_64 stat;
  struct nfsfh *file;
  int result;
  if (!strcmp(op, "write")) say(put(a, b, 0));
  else if (!strcmp(op, "create")) say(put(a, b, O_CREAT));
  else if (!strcmp(op, "read")) {
    result = nfs_open2(nfs, a, O_RDONLY, 0, &file);
    if (result < 0) say(result);
    else {
      tell(file);
      nfs_close(nfs, file);
    }
  } else if (!strcmp(op, "open")) say(nfs_open2(nfs, a, O_RDONLY, 0, &kept));
  else if (!strcmp(op, "kept")) tell(kept);
  else if (!strcmp(op, "rename")) say(nfs_rename(nfs, a, b));
  else if (!strcmp(op, "unlink")) say(nfs_unlink(nfs, a));
  else if (!strcmp(op, "mkdir")) say(nfs_mkdir(nfs, a));
  else if (!strcmp(op, "rmdir")) say(nfs_rmdir(nfs, a));
  else if (!strcmp(op, "link")) say(nfs_link(nfs, a, b));
  else if (!strcmp(op, "truncate")) say(nfs_truncate(nfs, a, strtoull(b, 0, 10)));
  else if (!strcmp(op, "stat")) {
    result = nfs_stat64(nfs, a, &stat);
    if (result < 0) say(result);
    else printf("%o %lu %lu\n", (unsigned)stat.mode & 07777, (unsigned long)stat.nlink, (unsigned long)stat.size);
  } else if (!strcmp(op, "drop-caches")) say(system("echo 2 >/proc/sys/vm/drop_caches"));
  else puts("no such command");
}

int main(int count, char **words) {
  char line[4096];
  nfs = nfs_init_context();
  struct nfs_url *url = count > 1 ? nfs_parse_url_dir(nfs, words[1]) : 0;
  if (!url || nfs_mount(nfs, url->server, url->path)) {
    fprintf(stderr, "cannot mount: %s\n", nfs_get_error(nfs));
    return 1;
  }
  while (fgets(line, sizeof line, stdin)) {
    char op[32] = "", a[1024] = "", b[1024] = "";
    sscanf(line, "%31s %1023s %1023[^\n]", op, a, b);
    run(op, a, b);
    fflush(stdout);
  }
  return 0;
}
