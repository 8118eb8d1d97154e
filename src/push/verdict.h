/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of an HTTP transfer means for the payload, and how to say it in one line. */
#pragma once

#include <curl/curl.h>

#include "push/credentials.h"

struct verdict_facts {
	CURLcode code;
	bool interrupted;
	bool full; /* we ended it: more answer than anybody wants */
	bool sent; /* at least a part of the request went out */
	int status, proxy_status, os_errno;
	int64_t timeout_ns;
	struct str where, host, error, location, body;
	const struct credentials *credentials; /* kept out of the message */
};

enum sink_result verdict(const struct verdict_facts *facts, struct arena *arena,
			 struct str *ret_message);
