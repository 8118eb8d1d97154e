/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lib.h"

#include <dlfcn.h>
#include <errno.h>

int lib_open(const char *soname, const struct lib_symbol *symbols, void *table,
	     const char **ret_why)
{
	void *lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	if (!lib) {
		*ret_why = dlerror();
		return -ENOENT;
	}
	for (; symbols->name; symbols++) {
		void *symbol = dlsym(lib, symbols->name);

		if (!symbol) {
			*ret_why = dlerror();
			return -ENOENT;
		}
		/* POSIX promises that a function's address survives being a void pointer. */
		memcpy((char *)table + symbols->offset, &symbol, sizeof(symbol));
	}
	return 0;
}
