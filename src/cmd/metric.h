/* SPDX-License-Identifier: Apache-2.0 */
/* `peekpush metric`, in two parts: what is asked for, and the file that it is done to. */
#pragma once

#include "app.h"
#include "metric/amend.h"

struct metric_conf {
	struct opt_map labels;
	struct opt_list buckets;
	struct str help_text;
};

extern const struct opt_section section_metric;
extern const struct opt_section *const sections_metric[];
extern const struct command command_metric;

struct metric_request {
	struct amend amend;
	bool wants_help;
	struct arena arena; /* to be released also after a failure */
	struct str why;
};

/* Reads the words of the command line. 0, or EXIT_USAGE, having said why. */
int metric_request(struct app *app, int argc, char *argv[], struct metric_request *ret);
