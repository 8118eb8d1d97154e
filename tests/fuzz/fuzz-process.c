/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc says of one process. Input: a byte that says which file it is, then its text. A name
 * always ends, and a line that is refused has set no name.
 * runner: -runs=1000000
 */
#include <stdlib.h>

#include "host/process_parse.h"
#include "host/processes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct process process = { 0 };
	struct str text, path;

	if (!size)
		return 0;
	text = (struct str){ (const char *)data + 1, size - 1 };
	switch (data[0] % 6) {
	case 0:
		if (!process_parse_stat(text, 10000000, &process))
			must(!process.comm[0]);
		must(!process.comm[PROCESS_COMM - 1]);
		must(process.cpu_ns == process.user_ns + process.system_ns);
		break;
	case 1:
		process_parse_status(text, &process);
		must(process.resident_bytes % 1024 == 0);
		break;
	case 2:
		process_parse_switches(text, &process);
		must(process.has == 0);
		break;
	case 3:
		process_parse_io(text, &process);
		break;
	case 4:
		process_parse_limits(text, &process);
		must(process.has || !process.fd_limit);
		break;
	default:
		if (process_parse_cgroup(text, &path))
			must(path.n > 0 && path.p[0] == '/' && path.p + path.n <= text.p + text.n);
	}
	return 0;
}
