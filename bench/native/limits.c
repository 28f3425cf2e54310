/*
 * What the machine itself can do: the limits that a pipe between two threads is held against.
 *
 *   limits rendezvous SIZE   two spinning threads, each write of SIZE bytes copied into a shared window and out of it; ns per write
 *   limits in-place SIZE     the same, where nobody copies them out
 *   limits memcpy SIZE       one thread copies SIZE bytes; ns per copy
 *   limits spin              two spinning threads, ns per round trip
 *   limits futex             two threads that sleep, ns per round trip
 *   limits chain SIZE        eight threads in a row, which sleep while they have nothing to do, with a ring between each two: the first sends SIZE bytes at a
 *                            time, those between send on what lies in their ring; ns per write
 *
 * Reads a line with a number of ms, measures for so long, writes a line with the figure; until its input ends.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LINE 64
#define WINDOW (256 * 1024)
#define CHUNK (32 * 1024)
#define LINKS 7
#define RING (2 * 1024 * 1024)

static struct {
  _Alignas(LINE) atomic_ulong filled;
  _Alignas(LINE) atomic_ulong drained;
  _Alignas(LINE) atomic_int stopped;
  _Alignas(LINE) atomic_int word;
} shared;

static unsigned char *window, *source, *target;
static size_t size;
static int copies_out = 1;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Takes writes of `size` bytes, each as a whole. */
static void *drain(void *unused) {
  unsigned long drained = atomic_load(&shared.drained);
  size_t at = 0;
  for (;;) {
    unsigned long filled;
    while ((filled = atomic_load_explicit(&shared.filled, memory_order_acquire)) == drained) {
      if (atomic_load_explicit(&shared.stopped, memory_order_relaxed)) return unused;
      pause_briefly();
    }
    size_t place = drained % WINDOW;
    size_t n = least(least(filled - drained, CHUNK), WINDOW - place);
    if (copies_out) memcpy(target + at, window + place, n);
    at = (at + n) % size;
    drained += n;
    atomic_store_explicit(&shared.drained, drained, memory_order_release);
  }
}

static void write_whole(void) {
  unsigned long filled = atomic_load(&shared.filled);
  for (size_t at = 0; at < size;) {
    size_t place = filled % WINDOW;
    size_t n = least(least(size - at, CHUNK), WINDOW - place);
    while (filled + n - atomic_load_explicit(&shared.drained, memory_order_acquire) > WINDOW) pause_briefly();
    memcpy(window + place, source + at, n);
    at += n;
    filled += n;
    atomic_store_explicit(&shared.filled, filled, memory_order_release);
  }
  while (atomic_load_explicit(&shared.drained, memory_order_acquire) != filled) pause_briefly();
}

static void *answer_spinning(void *unused) {
  for (;;) {
    int word;
    while ((word = atomic_load_explicit(&shared.word, memory_order_acquire)) % 2 == 0) {
      if (atomic_load_explicit(&shared.stopped, memory_order_relaxed)) return unused;
      pause_briefly();
    }
    atomic_store_explicit(&shared.word, word + 1, memory_order_release);
  }
}

static void ask_spinning(void) {
  int word = atomic_load(&shared.word);
  atomic_store_explicit(&shared.word, word + 1, memory_order_release);
  while (atomic_load_explicit(&shared.word, memory_order_acquire) != word + 2) pause_briefly();
}

static void sleep_while(void *word, int seen) { syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0); }
static void wake_all(void *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0); }
static void futex_wait(int seen) { sleep_while(&shared.word, seen); }
static void futex_wake(void) { wake_all(&shared.word); }

static void *answer_sleeping(void *unused) {
  for (;;) {
    int word = atomic_load(&shared.word);
    if (word % 2 == 1) {
      atomic_store(&shared.word, word + 1);
      futex_wake();
    } else if (atomic_load(&shared.stopped)) {
      return unused;
    } else {
      futex_wait(word);
    }
  }
}

static void ask_sleeping(void) {
  int word = atomic_load(&shared.word) + 1;
  atomic_store(&shared.word, word);
  futex_wake();
  for (int seen; (seen = atomic_load(&shared.word)) == word;) futex_wait(seen);
}

/* A ring between two threads of a row: bytes put into it and taken out of it since ever, in 32 bits, and who sleeps. */
static struct link {
  _Alignas(LINE) atomic_uint stored;
  _Alignas(LINE) atomic_uint drained;
  _Alignas(LINE) atomic_int receiver_sleeps;
  atomic_int sender_sleeps;
  unsigned char *ring;
} links[LINKS];

/* Who sleeps does so on the word that says it: it is cleared by who wakes. */
static void awaken(atomic_int *sleeps) {
  if (!atomic_load(sleeps)) return;
  atomic_store(sleeps, 0);
  wake_all(sleeps);
}

static void put(struct link *link, const unsigned char *bytes, size_t n) {
  unsigned stored = atomic_load(&link->stored), drained;
  while ((unsigned)(stored + n) - (drained = atomic_load(&link->drained)) > RING) {
    atomic_store(&link->sender_sleeps, 1);
    if (atomic_load(&link->drained) == drained) sleep_while(&link->sender_sleeps, 1);
  }
  size_t place = stored % RING, before_end = least(n, RING - place);
  memcpy(link->ring + place, bytes, before_end);
  memcpy(link->ring, bytes + before_end, n - before_end);
  atomic_store(&link->stored, stored + n);
  awaken(&link->receiver_sleeps);
}

/* Sends on what comes; the last of the row only takes it. Ends with the process. */
static void *send_on(void *from) {
  struct link *link = from, *onward = link + 1 < links + LINKS ? link + 1 : NULL;
  for (unsigned drained = 0;;) {
    unsigned stored = atomic_load(&link->stored);
    if (stored == drained) {
      atomic_store(&link->receiver_sleeps, 1);
      if (atomic_load(&link->stored) == stored) sleep_while(&link->receiver_sleeps, 1);
      continue;
    }
    size_t place = drained % RING, n = least(stored - drained, RING - place);
    for (size_t at = 0; onward && at < n; at += size) put(onward, link->ring + place + at, least(size, n - at));
    drained += n;
    atomic_store(&link->drained, drained);
    awaken(&link->sender_sleeps);
  }
  return NULL;
}

static void start_row(void) {
  pthread_t thread;
  for (int i = 0; i < LINKS; i++) {
    links[i].ring = aligned_alloc(LINE, RING);
    memset(links[i].ring, 1, RING);
  }
  for (int i = 0; i < LINKS; i++) pthread_create(&thread, NULL, send_on, &links[i]);
}

static void send_first(void) { put(links, source, size); }

static void copy_once(void) {
  memcpy(target, source, size);
  __asm__ volatile("" : : "r"(target) : "memory");
}

/* Whether this process may use all cores, and there are some. */
static int may_pin(void) {
  cpu_set_t cores;
  long all = sysconf(_SC_NPROCESSORS_ONLN);
  return all > 1 && sched_getaffinity(0, sizeof cores, &cores) == 0 && CPU_COUNT(&cores) == all;
}

/* The two threads stay on a core each, as those do that are held against them. */
static void pin(pthread_t thread, int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  pthread_setaffinity_np(thread, sizeof cores, &cores);
}

static int pins;

static double measure(void *(*other)(void *), void (*one)(void), double ms) {
  pthread_t thread;
  atomic_store(&shared.stopped, 0);
  if (other) {
    pthread_create(&thread, NULL, other, NULL);
    if (pins) pin(thread, 1), pin(pthread_self(), 0);
  }
  one();
  double start = now(), end = start + ms * 1e6, at = start;
  long count = 0, batch = 1;
  while (at < end) {
    for (long i = 0; i < batch; i++) one();
    count += batch;
    at = now();
    if (at - start < count * 1e5 && batch < 1024) batch *= 2;
  }
  if (other) {
    atomic_store(&shared.stopped, 1);
    /* A sleeper looks again. */
    futex_wake();
    while (pthread_tryjoin_np(thread, NULL) != 0) futex_wake();
  }
  return (at - start) / count;
}

int main(int count, char **arguments) {
  const char *mode = count > 1 ? arguments[1] : "";
  size = count > 2 ? strtoul(arguments[2], NULL, 10) : 1;
  void *(*other)(void *) = NULL;
  void (*one)(void) = NULL;
  if (!strcmp(mode, "rendezvous")) other = drain, one = write_whole;
  else if (!strcmp(mode, "in-place")) other = drain, one = write_whole, copies_out = 0;
  else if (!strcmp(mode, "memcpy")) one = copy_once;
  else if (!strcmp(mode, "spin")) other = answer_spinning, one = ask_spinning;
  else if (!strcmp(mode, "futex")) other = answer_sleeping, one = ask_sleeping;
  else if (!strcmp(mode, "chain") && size <= RING) one = send_first, start_row();
  if (!one || size == 0) {
    fprintf(stderr, "usage: limits rendezvous|in-place|memcpy|chain SIZE, or limits spin|futex\n");
    return 2;
  }
  window = aligned_alloc(LINE, WINDOW);
  source = aligned_alloc(LINE, (size + LINE - 1) / LINE * LINE);
  target = aligned_alloc(LINE, (size + LINE - 1) / LINE * LINE);
  memset(window, 1, WINDOW);
  memset(source, 2, size);
  memset(target, 3, size);
  pins = may_pin();
  double ms;
  while (scanf("%lf", &ms) == 1) {
    printf("%.2f\n", measure(other, one, ms));
    fflush(stdout);
  }
  return 0;
}
