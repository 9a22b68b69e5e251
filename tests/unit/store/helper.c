#include "helper.h"

#include "base/mem.h"
#include "base/wr.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool hit_once(struct faults *f, const char *point)
{
    struct one_fault *one = CONTAINER_OF(f, struct one_fault, faults);
    if (!one->point || !strstr(one->point, point))
        return false;
    if (one->skip > 0) {
        one->skip--;
        return false;
    }
    return one->times > 0 && one->times-- > 0;
}

void arm(struct place *p, const char *point, unsigned skip, unsigned times)
{
    p->fault.point = point;
    p->fault.skip = skip;
    p->fault.times = times;
}

int place_setup(void **state)
{
    struct place *p = mem_zalloc(sizeof(*p));
    (void)snprintf(p->dir, sizeof(p->dir), "/tmp/moat-store-XXXXXX");
    if (!mkdtemp(p->dir))
        return -1;
    (void)snprintf(p->path, sizeof(p->path), "%s/db", p->dir);
    p->fault.faults.hit = hit_once;
    p->opt = (struct store_options){.path = p->path,
                                    .room_bytes = 1u << 20,
                                    .cluster_id = CLUSTER,
                                    .member_id = MEMBER,
                                    .faults = &p->fault.faults};
    *state = p;
    return 0;
}

int place_teardown(void **state)
{
    struct place *p = *state;
    place_close(p);
    static const char *const names[] = {"", "-lock", ".new",
                                        ".new-lock"}; /* a killed start's, too */
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[96];
        (void)snprintf(path, sizeof(path), "%s%s", p->path, names[i]);
        (void)unlink(path);
    }
    int rc = rmdir(p->dir);
    free(p);
    return rc;
}

enum rc place_open(struct place *p)
{
    p->err = (struct err){0};
    return store_open(&p->opt, &p->s, &p->err);
}

void place_close(struct place *p)
{
    storage_close(p->s);
    p->s = NULL;
}

void place_reopen(struct place *p)
{
    place_close(p);
    assert_int_equal(place_open(p), RC_OK);
}

struct storage_op op_put(enum table t, const char *key, const char *value)
{
    return (struct storage_op){t, STORAGE_PUT, slice_str(key), slice_str(value)};
}

struct storage_op op_delete(enum table t, const char *key)
{
    return (struct storage_op){t, STORAGE_DELETE, slice_str(key), {0}};
}

struct storage_op op_append(enum table t, const char *key, const char *value)
{
    return (struct storage_op){t, STORAGE_APPEND, slice_str(key), slice_str(value)};
}

void put(struct place *p, const char *key, const char *value)
{
    struct storage_op op = op_put(TABLE_META, key, value);
    assert_int_equal(storage_commit(p->s, &op, 1), RC_OK);
    storage_refresh(p->s);
}

struct slice filled_key(unsigned i, uint8_t key[17])
{
    memset(key, 0, 17);
    store_u64_big(key, i);
    key[8] = '_';
    return slice_of(key, 17);
}

static enum rc change(struct place *p, unsigned first, unsigned n, struct storage_op like)
{
    struct storage_op *ops = mem_calloc(n, sizeof(*ops));
    uint8_t(*keys)[17] = mem_calloc(n, sizeof(*keys));
    for (unsigned i = 0; i < n; i++) {
        ops[i] = like;
        ops[i].key = filled_key(first + i, keys[i]);
    }
    enum rc rc = storage_commit(p->s, ops, n);
    storage_refresh(p->s);
    free(keys);
    free(ops);
    return rc;
}

enum rc fill(struct place *p, unsigned first, unsigned n, size_t size)
{
    uint8_t *value = mem_alloc(size);
    memset(value, 'v', size);
    enum rc rc =
        change(p, first, n,
               (struct storage_op){
                   .table = TABLE_KEY, .change = STORAGE_APPEND, .value = slice_of(value, size)});
    free(value);
    return rc;
}

enum rc unfill(struct place *p, unsigned first, unsigned n)
{
    return change(p, first, n, (struct storage_op){.table = TABLE_KEY, .change = STORAGE_DELETE});
}

void holds(struct place *p, enum table t, const char *key, const char *value)
{
    struct slice got;
    assert_int_equal(storage_get(p->s, t, slice_str(key), &got), RC_OK);
    assert_int_equal(got.n, strlen(value));
    assert_memory_equal(got.p, value, got.n);
}

void lacks(struct place *p, enum table t, const char *key)
{
    struct slice got;
    assert_int_equal(storage_get(p->s, t, slice_str(key), &got), RC_NOT_FOUND);
}

void says(const struct place *p, const char *part)
{
    if (!strstr(p->err.text, p->path) || !strstr(p->err.text, part))
        fail_msg("\"%s\" is not in: %s", part, p->err.text);
}

void write_file(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

void poke_file(const char *path, uint64_t at, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, (off_t)at), n);
    close(fd);
}

uint64_t size_of_file(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}
