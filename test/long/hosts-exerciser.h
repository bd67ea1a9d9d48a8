// What the parts of the exerciser of hosts share; what it does is told in hosts-exerciser.c.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { SHARED = 4, PATH = 64 };

extern const char *id;
extern unsigned long serial;
/** When the work began, and when it is to end, in seconds. */
extern time_t began, ends;
/** What is being done, for who looks at a failure. */
extern char doing[4 * PATH];

unsigned below(unsigned n);
/** Keeps what is done to own names. */
void remember(void);
void fail(const char *what, int error);
int is_death(int error);
void died(void);
void must(int result, int expected);
int may(int result, char letter, int other);

// Own names, hosts-exerciser-own.c.
void begin(int laying);
void list_own(void);
void own_file(void);
void own_directory(void);

// Shared names, hosts-exerciser-shared.c.
void shared(void);
void look(void);

// Metadata of files that all share, hosts-exerciser-metadata.c.
void metadata(void);
