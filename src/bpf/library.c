/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/library.h"

#include <errno.h>
#include <stddef.h>

#include "base/lib.h"

int libbpf_open(struct libbpf *ret, const char **ret_why)
{
#define SYMBOL(name) { #name, offsetof(struct libbpf, name) },
	static const struct lib_symbol symbols[] = { LIBBPF_FUNCTIONS(SYMBOL){ 0 } };

	if (lib_open("libbpf.so.1", symbols, ret, ret_why) < 0)
		return -ENOSYS;
	(void)ret->libbpf_set_print(NULL);
	return 0;
}
