/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lib.h"

#include <dlfcn.h>
#include <errno.h>

/* POSIX promises that a function's address survives being a void pointer. */
static void put(void *table, const struct lib_symbol *symbol, void *address)
{
	memcpy((char *)table + symbol->offset, &address, sizeof(address));
}

int lib_open_some(const char *soname, const struct lib_symbol *symbols,
		  const struct lib_symbol *optional, void *table, const char **ret_why)
{
	void *lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	if (!lib) {
		*ret_why = dlerror();
		return -ENOENT;
	}
	for (; symbols->name; symbols++) {
		void *address = dlsym(lib, symbols->name);

		if (!address) {
			*ret_why = dlerror();
			return -ENOENT;
		}
		put(table, symbols, address);
	}
	for (; optional->name; optional++)
		put(table, optional, dlsym(lib, optional->name));
	return 0;
}

int lib_open(const char *soname, const struct lib_symbol *symbols, void *table,
	     const char **ret_why)
{
	static const struct lib_symbol none[] = { { 0 } };

	return lib_open_some(soname, symbols, none, table, ret_why);
}
