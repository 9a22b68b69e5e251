#include "cmd/cmd.h"

#include "app/server.h"
#include "conf/conf.h"

#include <stdio.h>
#include <unistd.h>

static void print(struct buf *text, FILE *to)
{
    fwrite(text->p, 1, text->n, to);
    buf_fini(text);
}

static int fail(enum rc rc, const struct err *err)
{
    struct buf usage = {0};
    fprintf(stderr, "moat: %s\n", err->text[0] ? err->text : rc_text(rc));
    if (rc == RC_MALFORMED)
        conf_usage(&usage);
    print(&usage, stderr);
    return conf_exit_status(rc);
}

int cmd_server(const struct cmd_args *args)
{
    struct conf conf = {0};
    struct err err = {0};
    struct buf text = {0};
    enum conf_action action = CONF_RUN;
    enum rc rc = conf_load(args->argc, args->argv, environ, &conf, &action, &err);
    if (rc != RC_OK)
        return fail(rc, &err);
    if (action != CONF_RUN) {
        if (action == CONF_VERSION)
            conf_version(&text);
        else
            conf_help(&text);
        print(&text, stdout);
        return 0;
    }
    rc = server_run(&conf, !args->as_etcd, &err);
    conf_fini(&conf);
    if (rc == RC_OK)
        return 0;
    fprintf(stderr, "moat: %s\n", err.text[0] ? err.text : rc_text(rc));
    return 1;
}
