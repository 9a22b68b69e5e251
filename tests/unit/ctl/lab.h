/* lab - moat ctl's command lines, run here against a peer, with what they print. */
#ifndef MOAT_TEST_CTL_LAB_H
#define MOAT_TEST_CTL_LAB_H

#include "../client/peer.h"
#include "ctl/ctl.h"
#include "ctl/inner.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LAB_WORDS_MAX 16

struct lab_case {
    const char *words[LAB_WORDS_MAX]; /* NULL at the end */
    int code;
    const char *out; /* all of standard output */
    const char *err; /* part of standard error; NULL: it is empty */
    const char *in;  /* standard input; NULL: empty */
};

/* Run each against a peer with this function; NULL: with nobody there. */
void lab_run(peer_serve *serve, const struct lab_case *cases, size_t n);

/* etcdutl's part is played by this: it prints its words. */
int lab_etcdutl(int argc, char **argv);

/* The header of all answers here, and how the formats show it. */
extern struct pb_response_header lab_header;
#define LAB_HEADER_JSON   "{\"cluster_id\":10,\"member_id\":11,\"revision\":12,\"raft_term\":13}"
#define LAB_HEADER_INLINE "\"cluster_id\":10,\"member_id\":11,\"revision\":12,\"raft_term\":13,"
#define LAB_HEADER_FIELDS                                                                          \
    "\"ClusterID\" : 10\n\"MemberID\" : 11\n\"Revision\" : 12\n\"RaftTerm\" : 13\n"

#endif
