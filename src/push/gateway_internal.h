/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of gateway.h. */
#pragma once

#include "base/cleanup.h"
#include "push/gateway.h"

/* Then nothing is like anything any more: not a gateway that anybody has. */
enum { COMPARED_MAX = 100000000 };

struct diagnosis {
	struct gateway *g;
	struct gateway_findings *out;
	int64_t stale_s;
	bool *blamed; /* by group: there is an error about it */
	struct keyed *keys;
	bool broken; /* the scrape fails */
};

/* Reads /metrics as Prometheus would; of an error, what it complains of. */
void gateway_scrape(struct gateway *gateway, struct sink *sink, int64_t timeout_ns);

/* The groups, and no more of them than the labels, from the page for browsers. */
void gateway_page(struct gateway *gateway, struct sink *sink, int64_t timeout_ns);

/* Whether it is one of the two that the gateway adds to each group. */
bool gateway_own_time(struct str name);
/* Whether a metric can have it without quotes: [a-zA-Z_:][a-zA-Z0-9_:]*. */
bool gateway_legal_name(struct str name);

/* Adds a finding about these groups, which are copied; its words are written into it. */
struct gateway_finding *diagnosis_add(struct diagnosis *d, enum gateway_severity severity,
				      const char *kind, const uint32_t *groups, size_t n);
/* The group that has the same labels but for the value of one; `value` NULL: none. -1: no such. */
int64_t diagnosis_sibling(const struct diagnosis *d, uint32_t group, struct str name,
			  const struct str *value);
/* Families of one name stand together after this. */
void diagnosis_sort_families(struct gateway *gateway);
/* The first of a name and, in ret_n, how many there are. */
const struct gateway_family *diagnosis_families(const struct gateway *gateway, struct str name,
						size_t *ret_n);

void diagnose_groups(struct diagnosis *d);
void diagnose_times(struct diagnosis *d);
void diagnose_families(struct diagnosis *d);
