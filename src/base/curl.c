/* SPDX-License-Identifier: Apache-2.0 */
#include "base/curl.h"

#include <errno.h>
#include <stddef.h>

#include "base/lib.h"

#define SYMBOL(member)                                         \
	{                                                      \
		"curl_" #member, offsetof(struct curl, member) \
	}

int curl_load(struct curl *curl, const char **ret_why)
{
	static const struct lib_symbol symbols[] = {
		SYMBOL(global_init),
		SYMBOL(easy_init),
		SYMBOL(easy_setopt),
		SYMBOL(easy_perform),
		SYMBOL(easy_getinfo),
		SYMBOL(easy_strerror),
		SYMBOL(easy_reset),
		SYMBOL(easy_cleanup),
		SYMBOL(slist_append),
		SYMBOL(slist_free_all),
		SYMBOL(multi_init),
		SYMBOL(multi_setopt),
		SYMBOL(multi_add_handle),
		SYMBOL(multi_remove_handle),
		SYMBOL(multi_perform),
		SYMBOL(multi_poll),
		SYMBOL(multi_info_read),
		SYMBOL(multi_cleanup),
		{ NULL, 0 },
	};
	int r = lib_open("libcurl.so.4", symbols, curl, ret_why);

	if (r < 0)
		return r;
	if (curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		*ret_why = "curl_global_init() failed";
		return -ENOENT;
	}
	return 0;
}
