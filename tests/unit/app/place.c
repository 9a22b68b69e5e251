#include "place.h"

#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

int place_setup(void **state)
{
    struct place *p = mem_zalloc(sizeof(*p));
    snprintf(p->dir, sizeof(p->dir), "/tmp/moat-rotate-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof(p->path), "%s/moat.log", p->dir);
    *state = p;
    return 0;
}

static char *path_of(const struct place *p, const char *name)
{
    return mem_printf("%s/%s", p->dir, name);
}

static unsigned walk(const struct place *p, uint64_t *bytes, bool removing)
{
    unsigned n = 0;
    DIR *d = opendir(p->dir);
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        struct stat st;
        char *path = path_of(p, e->d_name);
        if (e->d_name[0] != '.' && stat(path, &st) == 0) {
            n++;
            *bytes += (uint64_t)st.st_size;
            if (removing)
                unlink(path);
        }
        free(path);
    }
    closedir(d);
    return n;
}

int place_teardown(void **state)
{
    struct place *p = *state;
    uint64_t bytes = 0;
    (void)walk(p, &bytes, true);
    int rc = rmdir(p->dir);
    free(p);
    return rc;
}

void place_write(const struct place *p, const char *name, const char *text)
{
    char *path = path_of(p, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    free(path);
}

bool place_has(const struct place *p, const char *name)
{
    char *path = path_of(p, name);
    bool is = access(path, F_OK) == 0;
    free(path);
    return is;
}

unsigned place_files(const struct place *p, uint64_t *bytes)
{
    return walk(p, bytes, false);
}

void place_unzips(const struct place *p, const char *name, const char *text)
{
    char *path = path_of(p, name);
    char found[4096];
    gzFile gz = gzopen(path, "rb");
    assert_non_null(gz);
    int n = gzread(gz, found, sizeof(found));
    assert_int_equal(gzdirect(gz), 0); /* it is compressed */
    assert_int_equal(n, strlen(text));
    assert_memory_equal(found, text, strlen(text));
    assert_int_equal(gzclose(gz), Z_OK);
    free(path);
}
