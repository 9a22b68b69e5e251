/* metric - one number of a server's /metrics page. */
#ifndef MOAT_CTL_METRIC_H
#define MOAT_CTL_METRIC_H

#include "base/err.h"
#include "base/slice.h"

/* Fetch http://ENDPOINT/metrics and take the value of the series without labels. */
MUST_USE enum rc metric_fetch(struct slice endpoint, const char *name, double *value,
                              struct err *err);

/* The value of a series without labels in a page. */
MUST_USE enum rc metric_find(struct slice page, const char *name, double *value);

#endif
