/* lock - hold a lock until stopped, or while a program runs. */
#include "base/mem.h"
#include "ctl/contest.h"
#include "ctl/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Run the program; the lock is given back after it. */
static int run_locked(struct contest *c)
{
    struct ctl *ctl = c->ctl;
    struct err err = {0};
    int status = 0;
    char *more[] = {
        mem_printf("ETCD_LOCK_KEY=%.*s", (int)c->key.n, (const char *)c->key.p),
        mem_printf("ETCD_LOCK_REV=%" PRId64, c->won_at),
        NULL,
    };
    enum rc rc = ctl_exec(ctl, ctl->args.v + 1, more, &status, &err);
    free(more[0]);
    free(more[1]);
    bool left = contest_leave(c);
    if (rc != RC_OK)
        return ctl_fail(status, "%s", err.text);
    return left ? EXIT_OK : ctl_call_failed(ctl, EXIT_ERROR, NULL);
}

static int hold(struct contest *c)
{
    const struct pb_range_request request = {.key = c->key};
    struct pb_range_response r;
    int code = ctl_call_patiently(c->ctl, CLIENT_RANGE, &request, &r);
    if (code == EXIT_OK && r.kvs_n == 0)
        code = ctl_fail(EXIT_ERROR, "lock lost on init");
    if (code == EXIT_OK)
        code = print_reply(c->ctl, &print_range, &r);
    fflush(stdout);
    if (code != EXIT_OK)
        return code;
    if (contest_hold(c) == CONTEST_EXPIRED)
        return ctl_fail(EXIT_ERROR, "session expired");
    return contest_leave(c) ? EXIT_OK : ctl_call_failed(c->ctl, EXIT_ERROR, NULL);
}

int cmd_lock(struct ctl *ctl)
{
    struct contest c;
    if (ctl->args.n == 0)
        return ctl_fail(EXIT_BAD_ARGS,
                        "lock takes a lock name argument and an optional command to execute");
    int code = ctl_connect(ctl);
    if (code == EXIT_OK)
        code = contest_open(&c, ctl, ctl_arg(ctl, 0), flag_int(&ctl->flags, "ttl"));
    if (code != EXIT_OK)
        return code;
    switch (contest_enter(&c, SLICE_LIT(""))) {
    case CONTEST_WON:
        code = ctl->args.n > 1 ? run_locked(&c) : hold(&c);
        break;
    case CONTEST_STOPPED:
        code = ctl_fail(EXIT_ERROR, "context canceled");
        break;
    case CONTEST_EXPIRED:
        code = ctl_fail(EXIT_ERROR, "%s", etcd_error_text(ETCD_LOCK_SESSION_EXPIRED));
        break;
    case CONTEST_FAILED:
        code = ctl_call_failed(ctl, EXIT_ERROR, NULL);
        break;
    }
    contest_close(&c);
    return code;
}
