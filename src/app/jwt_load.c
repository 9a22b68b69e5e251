#include "app/jwt_load.h"

#include "base/secret.h"

#include <errno.h>
#include <stdio.h>

/* "" or NULL: none was named. */
static enum rc read_key(const char *path, struct buf *out, struct err *err)
{
    if (!path || !*path)
        return RC_OK;
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_set(err, rc_of_errno(errno), "--auth-token: cannot open %s: %s", path,
                       rc_text(rc_of_errno(errno)));
    buf_reserve(out, JWT_KEY_FILE_MAX + 1);
    setbuf(f, NULL); /* no copy is left in a buffer of its own */
    out->n = fread(out->p, 1, JWT_KEY_FILE_MAX + 1, f);
    bool failed = ferror(f) != 0;
    (void)fclose(f);
    if (failed)
        return err_set(err, RC_IO, "--auth-token: cannot read %s", path);
    if (out->n > JWT_KEY_FILE_MAX)
        return err_set(err, RC_LIMIT, "--auth-token: %s is no key: it has more than %u bytes", path,
                       JWT_KEY_FILE_MAX);
    return RC_OK;
}

enum rc jwt_load(const struct conf_jwt *conf, struct jwt **out, struct err *err)
{
    struct buf public_key = {0};
    struct buf private_key = {0};
    if (!conf->sign_method)
        return RC_OK;
    enum rc rc = read_key(conf->public_key, &public_key, err);
    if (rc == RC_OK)
        rc = read_key(conf->private_key, &private_key, err);
    if (rc == RC_OK)
        rc = jwt_new(&(struct jwt_options){.method = conf->sign_method,
                                           .public_key = buf_slice(&public_key),
                                           .private_key = buf_slice(&private_key),
                                           .ttl_s = conf->ttl_s},
                     out, err);
    buf_fini(&public_key);
    secret_buf_fini(&private_key);
    return rc;
}
