#include "lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_MAX 65536

struct pb_response_header lab_header = {
    .cluster_id = 10, .member_id = 11, .revision = 12, .raft_term = 13};

int lab_etcdutl(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        printf("%s%s", i ? " " : "", argv[i]);
    printf("\n");
    return 7;
}

static int scratch(void)
{
    char path[] = "/tmp/moat-ctl-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

/* fd in the place of a standard one; what was there. */
static int replace(int standard, int fd)
{
    int saved = dup(standard);
    assert_true(saved >= 0 && dup2(fd, standard) >= 0);
    return saved;
}

static void restore(int standard, int saved)
{
    assert_true(dup2(saved, standard) >= 0);
    close(saved);
}

static void read_back(int fd, char *text)
{
    ssize_t n = pread(fd, text, TEXT_MAX - 1, 0);
    assert_true(n >= 0);
    text[n] = 0;
    close(fd);
}

static int run(const struct lab_case *c, const char *endpoint, char *out, char *err)
{
    char option[64];
    char *argv[LAB_WORDS_MAX + 3] = {0};
    int argc = 0;
    int fds[3] = {scratch(), scratch(), scratch()};
    snprintf(option, sizeof(option), "--endpoints=%s", endpoint);
    argv[argc++] = option;
    for (size_t i = 0; c->words[i]; i++)
        argv[argc++] = (char *)(uintptr_t)c->words[i];
    if (c->in)
        assert_int_equal(write(fds[0], c->in, strlen(c->in)), (ssize_t)strlen(c->in));
    lseek(fds[0], 0, SEEK_SET);
    fflush(NULL);
    int saved[3];
    for (int i = 0; i < 3; i++)
        saved[i] = replace(i, fds[i]);
    clearerr(stdin);
    __fpurge(stdin);
    int code = ctl_main(argc, argv, &(struct ctl_program){"etcdctl", lab_etcdutl});
    fflush(NULL);
    for (int i = 0; i < 3; i++)
        restore(i, saved[i]);
    close(fds[0]);
    read_back(fds[1], out);
    read_back(fds[2], err);
    return code;
}

void lab_run(peer_serve *serve, const struct lab_case *cases, size_t n)
{
    struct peer peer;
    char *out = malloc(TEXT_MAX);
    char *err = malloc(TEXT_MAX);
    assert_true(out && err);
    if (serve)
        peer_start(&peer, serve);
    else
        peer_nobody(&peer);
    for (size_t i = 0; i < n; i++) {
        const struct lab_case *c = &cases[i];
        int code = run(c, peer.endpoint, out, err);
        if (code != c->code)
            print_error("case %zu, %s %s: %s%s", i, c->words[0], c->words[1] ? c->words[1] : "",
                        out, err);
        assert_int_equal(code, c->code);
        assert_string_equal(out, c->out ? c->out : "");
        if (!c->err)
            assert_string_equal(err, "");
        else
            assert_non_null(strstr(err, c->err));
    }
    if (serve)
        peer_stop(&peer);
    free(out);
    free(err);
}
