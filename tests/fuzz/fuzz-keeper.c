/* SPDX-License-Identifier: Apache-2.0 */
/* Results of commands and endpoints, which lie in the state. One that is read is written the same.
 * runner: -runs=1500000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "collect/source/keeper_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf out = { 0 };
	struct keeper_result once, twice;

	if (keeper_parse((struct str){ (const char *)data, size }, 1, &once) < 0)
		return 0;
	keeper_print(&once, 1, &out);
	must(keeper_parse(buf_view(&out), 1, &twice) == 0);
	must(once.outcome == twice.outcome && once.status == twice.status);
	must(once.at_ns == twice.at_ns && once.duration_ns == twice.duration_ns);
	must(str_eq(once.message, twice.message) && str_eq(once.text, twice.text));
	return 0;
}
