/* /health, /livez and /readyz answer as etcd 3.7's, which scripts and probes read, and count. */
#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect(struct lab *l, const char *path, unsigned status, const char *body)
{
    struct caller_reply *r = caller_send(
        &l->caller, &(struct caller_request){
                        .method = "GET", .path = path, .content_type = "", .no_body = true});
    assert_true(r->ended);
    *buf_extend(&r->body, 1) = 0;
    assert_string_equal((const char *)r->body.p, body);
    assert_int_equal(r->status, status);
}

static void has_sample(struct lab *l, const char *line)
{
    struct caller_reply *r = caller_send(
        &l->caller, &(struct caller_request){
                        .method = "GET", .path = "/metrics", .content_type = "", .no_body = true});
    *buf_extend(&r->body, 1) = 0;
    if (!strstr((const char *)r->body.p, line))
        fail_msg("%s is not in\n%s", line, (const char *)r->body.p);
}

static void well(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    expect(&l, "/health", 200, "{\"health\":\"true\",\"reason\":\"\"}");
    expect(&l, "/livez", 200, "ok\n");
    expect(&l, "/livez?verbose", 200, "[+]serializable_read ok\nok\n");
    expect(&l, "/readyz", 200, "ok\n");
    expect(&l, "/readyz?verbose", 200,
           "[+]data_corruption ok\n[+]linearizable_read ok\n[+]non_learner ok\n"
           "[+]serializable_read ok\nok\n");
    expect(&l, "/readyz?verbose&exclude=non_learner&exclude=data_corruption", 200,
           "[+]linearizable_read ok\n[+]serializable_read ok\nok\n");
    expect(&l, "/readyz/non_learner", 200, "ok\n");
    expect(&l, "/readyz/non_learner?verbose", 200, "[+]non_learner ok\nok\n");
    lab_close(&l);
}

static void without_a_leader(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &(struct lab_options){.members = 3});
    expect(&l, "/health", 503, "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\n");
    expect(&l, "/health?serializable=true", 200, "{\"health\":\"true\",\"reason\":\"\"}");
    expect(&l, "/health?serializable=false", 503,
           "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\n");
    expect(&l, "/livez", 200, "ok\n");
    expect(&l, "/readyz", 503,
           "[+]data_corruption ok\n[-]linearizable_read failed: etcdserver: no leader\n"
           "[+]non_learner ok\n[+]serializable_read ok\n\n");
    expect(&l, "/readyz?exclude=linearizable_read", 200, "ok\n");
    expect(&l, "/readyz/linearizable_read", 503,
           "[-]linearizable_read failed: etcdserver: no leader\n\n");
    has_sample(&l, "etcd_server_healthcheck{name=\"linearizable_read\",type=\"readyz\"} 0\n");
    has_sample(&l, "etcd_server_healthcheck{name=\"non_learner\",type=\"readyz\"} 1\n");
    has_sample(&l, "etcd_server_healthchecks_total{name=\"linearizable_read\",status=\"error\","
                   "type=\"readyz\"} 2\n");
    has_sample(&l, "etcd_server_healthchecks_total{name=\"serializable_read\",status=\"success\","
                   "type=\"livez\"} 1\n");
    has_sample(&l, "\netcd_server_health_failures 2\n");
    has_sample(&l, "\netcd_server_health_success 1\n");
    lab_close(&l);
}

static void without_room(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, NULL);
    api_no_space(l.api, true);
    expect(&l, "/health", 503, "{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n");
    expect(&l, "/health?exclude=NOSPACE", 200, "{\"health\":\"true\",\"reason\":\"\"}");
    expect(&l, "/health?a=b&exclude=NOSPACE&c", 200, "{\"health\":\"true\",\"reason\":\"\"}");
    expect(&l, "/health?exclude=NOSPAC", 503,
           "{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n");
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well),
        cmocka_unit_test(without_a_leader),
        cmocka_unit_test(without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
