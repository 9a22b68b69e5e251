#include "store/map.h"

#include "base/must.h"
#include "base/wr.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS      8
#define PATH_ROOM  1024
#define CHUNK      4096 /* pages asked about at once */
#define TRIM_BYTES (4u << 20)

/* A signal handler has no context: the one thing here that is global. n is set last and cleared
 * first, so a slot with n != 0 is whole. */
static struct slot {
    _Atomic(uint64_t) n;
    _Atomic(bool) taken;
    const uint8_t *base;
    char path[PATH_ROOM];
} slots[SLOTS];

uint8_t *map_base(void *within, uint32_t page_bytes)
{
    must(page_bytes > 0 && (page_bytes & (page_bytes - 1)) == 0);
    uint8_t *page = (uint8_t *)within - ((uintptr_t)within & (page_bytes - 1));
    return page - load_u64(page) * page_bytes;
}

void map_register(const struct map *m, const char *path)
{
    for (size_t i = 0; i < SLOTS; i++) {
        bool no = false;
        if (!atomic_compare_exchange_strong(&slots[i].taken, &no, true))
            continue;
        slots[i].base = m->base;
        (void)snprintf(slots[i].path, sizeof(slots[i].path), "%s", path);
        atomic_store(&slots[i].n, m->n);
        return;
    }
}

void map_unregister(const struct map *m)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (!atomic_load(&slots[i].n) || slots[i].base != m->base)
            continue;
        atomic_store(&slots[i].n, 0);
        atomic_store(&slots[i].taken, false);
    }
}

static void say(const char *text)
{
    ssize_t done = write(STDERR_FILENO, text, strlen(text));
    (void)done; /* there is nobody left to tell */
}

/* Async-signal-safe: write, strlen, _exit, signal (signal-safety(7)). */
static void on_sigbus(int number, siginfo_t *info, void *context)
{
    (void)context;
    uintptr_t at = (uintptr_t)info->si_addr;
    for (size_t i = 0; i < SLOTS; i++) {
        uint64_t n = atomic_load(&slots[i].n);
        uintptr_t base = (uintptr_t)slots[i].base;
        if (!n || at < base || at - base >= n)
            continue;
        say("moat: ");
        say(slots[i].path);
        say(": a page of this file cannot be read (SIGBUS): it was cut short while in use, or the "
            "disk is failing. Stopped at once, and nothing was written. Look at the kernel's log "
            "and the disk, then replace this member or restore it from a snapshot.\n");
        _exit(1);
    }
    (void)signal(number,
                 SIG_DFL); /* not ours: the access is tried again, and ends us with a core */
}

void map_catch_sigbus(void)
{
    struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
    must(sigemptyset(&sa.sa_mask) == 0);
    must(sigaction(SIGBUS, &sa, NULL) == 0);
}

bool map_resident(const struct map *m, struct slice s)
{
    if (s.n == 0)
        return true;
    must(s.p >= m->base && (uint64_t)(s.p - m->base) + s.n <= m->n);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t end = (size_t)(s.p - m->base) + s.n;
    size_t at = (size_t)(s.p - m->base) & ~(page - 1);
    unsigned char present[CHUNK];
    while (at < end) {
        size_t n = (end - at + page - 1) / page;
        n = n < CHUNK ? n : CHUNK;
        if (mincore(m->base + at, n * page, present))
            return true; /* cannot say: read it, as one would without asking */
        for (size_t i = 0; i < n; i++)
            if (!(present[i] & 1))
                return false;
        at += n * page;
    }
    return true;
}

void map_trim(const struct map *m, uint64_t n)
{
    /* On a shared map of a file this only drops our page table entries; the data stays in the page
     * cache. That it may fail changes nothing. A part at a time, since others who want to change
     * the address space wait meanwhile. */
    n = n < m->n ? n : m->n;
    for (uint64_t at = 0; at < n; at += TRIM_BYTES)
        (void)madvise(m->base + at, n - at < TRIM_BYTES ? n - at : TRIM_BYTES, MADV_DONTNEED);
}
