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

void curl_set_long(struct curl_setup *setup, CURLoption option, long value)
{
	CURLcode code = setup->curl->easy_setopt(setup->easy, option, value);

	if (code != CURLE_OK)
		setup->failed = code;
}

void curl_set_pointer(struct curl_setup *setup, CURLoption option, const void *value)
{
	CURLcode code = setup->curl->easy_setopt(setup->easy, option, value);

	if (code != CURLE_OK)
		setup->failed = code;
}

void curl_set_text(struct curl_setup *setup, CURLoption option, struct str text)
{
	if (text.n)
		curl_set_pointer(setup, option, text.p);
}

void curl_set_function(struct curl_setup *setup, CURLoption option, curl_write_callback function)
{
	CURLcode code = setup->curl->easy_setopt(setup->easy, option, function);

	if (code != CURLE_OK)
		setup->failed = code;
}

void curl_set_auth(struct curl_setup *setup, struct str user, struct str password, struct str token)
{
	if (password.p) {
		curl_set_long(setup, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_set_text(setup, CURLOPT_USERNAME, user);
		curl_set_pointer(setup, CURLOPT_PASSWORD, password.p);
	}
	if (token.p) {
		curl_set_long(setup, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		curl_set_text(setup, CURLOPT_XOAUTH2_BEARER, token);
	}
}

void curl_set_tls(struct curl_setup *setup, struct str ca, struct str cert, struct str key,
		  bool insecure)
{
	curl_set_text(setup, CURLOPT_CAINFO, ca);
	/* Else the system's directory of authorities would be trusted beside the one named. */
	if (ca.n)
		curl_set_pointer(setup, CURLOPT_CAPATH, NULL);
	curl_set_text(setup, CURLOPT_SSLCERT, cert);
	curl_set_text(setup, CURLOPT_SSLKEY, key);
	/* A locked key must fail; without this OpenSSL asks at the terminal. */
	if (cert.n)
		curl_set_pointer(setup, CURLOPT_KEYPASSWD, "");
	if (insecure) {
		curl_set_long(setup, CURLOPT_SSL_VERIFYPEER, 0);
		curl_set_long(setup, CURLOPT_SSL_VERIFYHOST, 0);
	}
}
