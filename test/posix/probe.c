// Makes the system calls that it is told on standard input, one a line, and says what became of each: so a test has processes of its
// own that map files, hold locks, wait and are interrupted. Commands:
//   NAME ARGUMENT…      the system call; a number, =TEXT for a string, $N for the scratch memory at N → result or negative errno
//   put N HEX           writes the scratch memory → 0
//   get N LENGTH        reads it → hex
//   peek ADDRESS LENGTH reads any memory, as a mapping's → hex, or the signal that it raised
//   poke ADDRESS HEX    writes it → 0, or the signal that it raised
//   signals             those caught since the last time → their numbers
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
  const char *name;
  long number;
} calls[] = {
#define CALL(name) {#name, SYS_##name}
    CALL(accept4),    CALL(bind),         CALL(close),         CALL(connect),   CALL(copy_file_range),
    CALL(dup),        CALL(epoll_create1), CALL(epoll_ctl),    CALL(epoll_pwait), CALL(fallocate),
    CALL(fcntl),      CALL(fdatasync),    CALL(flock),         CALL(fsync),     CALL(ftruncate),
    CALL(getpid),     CALL(ioctl),        CALL(listen),        CALL(lseek),     CALL(madvise),
    CALL(mmap),       CALL(mprotect),     CALL(mremap),        CALL(msync),     CALL(munmap),
    CALL(openat),     CALL(pipe2),        CALL(ppoll),         CALL(pread64),   CALL(preadv),
    CALL(prlimit64),  CALL(pselect6),     CALL(pwrite64),      CALL(pwritev),   CALL(pwritev2),
    CALL(read),       CALL(readahead),    CALL(readv),         CALL(sendfile),  CALL(socket),
    CALL(splice),     CALL(sync_file_range), CALL(syncfs),     CALL(tee),       CALL(truncate),
    CALL(vmsplice),   CALL(write),        CALL(writev),        CALL(fadvise64), CALL(preadv2),
    CALL(exit_group),
};

static char scratch[1 << 21] __attribute__((aligned(65536)));
static char line[1 << 16];
static sigjmp_buf escape;
static volatile sig_atomic_t guarded;
static volatile sig_atomic_t caught[64], count;

static void on_fault(int number) {
  if (!guarded) _exit(99);
  siglongjmp(escape, number);
}

static void on_signal(int number) {
  if (count < 64) caught[count++] = number;
}

static long argument(const char *word) {
  if (!word) return 0;
  if (*word == '$') return (long)(scratch + atol(word + 1));
  if (*word == '=') return (long)(word + 1);
  return (long)strtoull(word, NULL, 0);
}

static void say_hex(const char *from, long length) {
  for (long i = 0; i < length; i++) printf("%02x", (unsigned char)from[i]);
  printf("\n");
}

static void take_hex(char *to, const char *hex) {
  for (; hex[0] && hex[1]; hex += 2) {
    char byte[3] = {hex[0], hex[1], 0};
    *to++ = (char)strtol(byte, NULL, 16);
  }
}

static void memory(int writes, char *at, const char *what) {
  static char copy[1 << 16];
  long length = writes ? 0 : atol(what);
  guarded = 1;
  int number = sigsetjmp(escape, 1);
  if (number == 0) {
    if (writes) take_hex(at, what);
    else memcpy(copy, at, (size_t)length);
  }
  guarded = 0;
  if (number) printf("%s\n", number == SIGBUS ? "SIGBUS" : "SIGSEGV");
  else if (writes) printf("0\n");
  else say_hex(copy, length);
}

static void call(const char *name, char **words) {
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    if (strcmp(calls[i].name, name)) continue;
    long a[6];
    for (int k = 0; k < 6; k++) a[k] = argument(words[k]);
    long result = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
    printf("%ld\n", result == -1 ? (long)-errno : result);
    return;
  }
  printf("no such call: %s\n", name);
}

int main(void) {
  struct sigaction fault = {.sa_handler = on_fault}, noted = {.sa_handler = on_signal}; // no SA_RESTART: waits end
  sigaction(SIGBUS, &fault, NULL);
  sigaction(SIGSEGV, &fault, NULL);
  sigaction(SIGXFSZ, &noted, NULL);
  sigaction(SIGUSR1, &noted, NULL);
  sigaction(SIGPIPE, &noted, NULL);
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (;;) {
    if (!fgets(line, sizeof line, stdin)) {
      if (!ferror(stdin) || errno != EINTR) break;
      clearerr(stdin); // a signal that came between two calls
      continue;
    }
    char *words[8] = {0};
    int n = 0;
    for (char *word = strtok(line, " \n"); word && n < 7; word = strtok(NULL, " \n")) words[n++] = word;
    if (n == 0) continue;
    if (!strcmp(words[0], "put")) take_hex(scratch + atol(words[1]), words[2] ? words[2] : ""), printf("0\n");
    else if (!strcmp(words[0], "get")) say_hex(scratch + atol(words[1]), atol(words[2]));
    else if (!strcmp(words[0], "peek")) memory(0, (char *)argument(words[1]), words[2]);
    else if (!strcmp(words[0], "poke")) memory(1, (char *)argument(words[1]), words[2]);
    else if (!strcmp(words[0], "signals")) {
      for (int i = 0; i < count; i++) printf("%d ", (int)caught[i]);
      count = 0;
      printf("\n");
    } else call(words[0], words + 1);
  }
  return 0;
}
