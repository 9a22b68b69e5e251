#include "judge.h"

#include "canonical.h"
#include "fields.h"

/* The message is written as the tables write it: no field that they do not know, none out of
 * order. */
static bool well_written(const struct step *s, const struct answer *a)
{
    struct buf again = {0};
    bool same = answer_canonical(s, a, MASK_NOTHING, &again) &&
                slice_eq(buf_slice(&again), buf_slice(&a->message));
    buf_fini(&again);
    return same;
}

int64_t answer_revision(const struct step *s, const struct answer *a)
{
    struct arena arena = {0};
    const struct wire_message *m = step_response(s->kind);
    void *r = arena_zalloc(&arena, m->size);
    const struct pb_response_header *header = NULL;
    if (a->code == 0 && wire_decode(m, buf_slice(&a->message), &arena, r) == RC_OK)
        header = response_header(s, r);
    int64_t revision = header ? header->revision : 0;
    arena_fini(&arena);
    return revision;
}

void answer_show(const struct step *s, const struct answer *a, struct buf *out)
{
    struct arena arena = {0};
    const struct wire_message *m = step_response(s->kind);
    void *r = arena_zalloc(&arena, m->size);
    if (!a->complete)
        buf_printf(out, "no answer (reset %u, HTTP status %d)", a->reset, a->http_status);
    else if (a->code != 0)
        buf_printf(out, "%d %s%s", a->code, a->has_text ? a->text : "(no text)",
                   a->trailers_only ? "" : " (after headers)");
    else if (wire_decode(m, buf_slice(&a->message), &arena, r) == RC_OK)
        message_show(m, r, out);
    else
        buf_printf(out, "%zu bytes that are no %s", a->message.n, m->name);
    arena_fini(&arena);
}

/* ---- The verdict ---- */

static const char *difference(const struct step *s, const struct answer *moat,
                              const struct answer *etcd)
{
    if (!etcd->complete || etcd->framed_wrong)
        return "etcd's answer is broken";
    if (!moat->complete || moat->framed_wrong)
        return "moat's answer is broken";
    if (moat->http_status != etcd->http_status)
        return "HTTP status";
    if (strcmp(moat->content_type, etcd->content_type) != 0)
        return "content-type";
    if (moat->code != etcd->code)
        return "grpc-status";
    if (moat->has_text != etcd->has_text || strcmp(moat->text, etcd->text) != 0)
        return "grpc-message";
    if (moat->trailers_only != etcd->trailers_only)
        return "trailers-only form";
    if (moat->code != 0)
        return NULL;
    if (!well_written(s, etcd))
        return "etcd's encoding is not ours";
    if (!well_written(s, moat))
        return "moat's encoding is not the tables'";
    return answers_same(s, moat, etcd, MASK_NATURE) ? NULL : "message";
}

struct judged judge(const struct step *s, const struct asked *asked, const struct answer *moat,
                    const struct answer *etcd)
{
    const char *differs = difference(s, moat, etcd);
    enum rule rule = differs ? rule_find(s, asked, moat, etcd) : RULE_NONE;
    return (struct judged){.agree = !differs || rule != RULE_NONE,
                           .rule = rule,
                           .differs = rule == RULE_NONE ? differs : NULL};
}
