#include "conf/auth_token.h"

#include "base/mem.h"
#include "conf/quote.h"
#include "conf/source.h"
#include "conf/value.h"

#include <stdlib.h>

#define NS_PER_S 1000000000

void conf_jwt_fini(struct conf_jwt *jwt)
{
    free(jwt->sign_method);
    free(jwt->public_key);
    free(jwt->private_key);
    *jwt = (struct conf_jwt){0};
}

static enum rc set_once(char **field, struct slice value, struct slice option, struct err *err)
{
    if (*field)
        return err_set(err, RC_INVALID, "--auth-token: %.*s is given twice", (int)option.n,
                       (const char *)option.p);
    *field = mem_printf("%.*s", (int)value.n, (const char *)value.p);
    return RC_OK;
}

static enum rc parse_ttl(const char *text, struct conf_jwt *out, struct err *err)
{
    int64_t ns = 0;
    if (conf_parse_duration(text, &ns) != RC_OK || ns < NS_PER_S)
        return err_set(err, RC_INVALID,
                       "--auth-token: ttl=%s is no duration of a second or more, such as 5m", text);
    out->ttl_s = (uint64_t)(ns / NS_PER_S);
    return RC_OK;
}

static enum rc parse_option(struct slice option, char **ttl, struct conf_notes *notes,
                            struct conf_jwt *out, struct err *err)
{
    const uint8_t *equals = option.n ? memchr(option.p, '=', option.n) : NULL;
    struct slice name = {option.p, equals ? (size_t)(equals - option.p) : 0};
    struct slice value = slice_skip(option, equals ? name.n + 1 : option.n);
    char quoted[CONF_QUOTED_MAX];
    if (!equals || memchr(value.p, '=', value.n))
        return err_set(err, RC_INVALID, "--auth-token: %s is not NAME=VALUE",
                       conf_quote(option, quoted));
    if (slice_eq(name, SLICE_LIT("sign-method")))
        return set_once(&out->sign_method, value, name, err);
    if (slice_eq(name, SLICE_LIT("pub-key")))
        return set_once(&out->public_key, value, name, err);
    if (slice_eq(name, SLICE_LIT("priv-key")))
        return set_once(&out->private_key, value, name, err);
    if (slice_eq(name, SLICE_LIT("ttl")))
        return set_once(ttl, value, name, err);
    conf_note(notes, LOG_WARN, "--auth-token: unknown JWT option %s", conf_quote(name, quoted));
    return RC_OK;
}

static enum rc parse_jwt(const char *options, struct conf_notes *notes, struct conf_jwt *out,
                         struct err *err)
{
    char *ttl = NULL;
    enum rc rc = RC_OK;
    out->ttl_s = CONF_JWT_TTL_S;
    while (*options == ',' && rc == RC_OK) {
        struct slice option = slice_of(options + 1, strcspn(options + 1, ","));
        rc = parse_option(option, &ttl, notes, out, err);
        options += 1 + option.n;
    }
    if (rc == RC_OK && ttl && *ttl)
        rc = parse_ttl(ttl, out, err);
    if (rc == RC_OK && !out->sign_method)
        rc = err_set(err, RC_INVALID, "--auth-token=jwt needs sign-method=, such as RS256");
    free(ttl);
    return rc;
}

enum rc conf_auth_token_parse(const char *text, struct conf_notes *notes, struct conf_jwt *out,
                              struct err *err)
{
    size_t n = strcspn(text, ",");
    char quoted[CONF_QUOTED_MAX];
    struct slice kind = slice_of(text, n);
    if (slice_eq(kind, SLICE_LIT("simple")))
        return RC_OK;
    if (!slice_eq(kind, SLICE_LIT("jwt")))
        return err_set(err, RC_INVALID, "--auth-token=%s: it must begin with simple or jwt",
                       conf_quote(kind, quoted));
    struct conf_jwt jwt = {0};
    enum rc rc = parse_jwt(text + n, notes, &jwt, err);
    if (rc == RC_OK)
        *out = jwt;
    else
        conf_jwt_fini(&jwt);
    return rc;
}
