/* SPDX-License-Identifier: Apache-2.0 */
#include "push/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "push/visible.h"

enum { MESSAGE_MAX = 500, QUOTE_MAX = 300 };

/* Text from outside: without secrets, one line, bounded. */
static struct str quote(const struct verdict_facts *facts, struct str text, struct arena *arena)
{
	return visible(arena, credentials_redact(facts->credentials, str_trim(text), arena),
		       QUOTE_MAX);
}

static struct str first_line(struct str body)
{
	struct str line = { "", 0 };

	while (str_line(&body, &line) && str_trim(line).n == 0)
		;
	return str_trim(line);
}

static enum sink_result of_status(int status)
{
	switch (status) {
	case 204:
		return SINK_OK_UNTYPED;
	case 400:
	case 413:
	case 415:
	case 422:
		return SINK_REFUSED;
	case 408:
	case 425:
	case 429:
		return SINK_DOWN;
	case 504:
		/* Some proxy gave up waiting; the gateway behind it may still be storing. */
		return SINK_UNKNOWN;
	default:
		return status < 300 ? SINK_OK : status < 500 ? SINK_MISCONFIGURED : SINK_DOWN;
	}
}

static enum sink_result answered(const struct verdict_facts *facts, struct arena *arena,
				 struct str *ret_message)
{
	enum sink_result result = of_status(facts->status);
	bool good = result == SINK_OK || result == SINK_OK_UNTYPED;
	struct str where = facts->where, detail;

	if (good && (facts->code == CURLE_OK || facts->full)) {
		*ret_message =
			arena_printf(arena, "HTTP %d from %.*s", facts->status, STR_ARG(where));
		return result;
	}
	if (good) {
		detail = quote(facts, facts->error, arena);
		*ret_message = arena_printf(arena, "HTTP %d from %.*s, then cut off: %.*s",
					    facts->status, STR_ARG(where), STR_ARG(detail));
		return SINK_UNKNOWN;
	}
	if (facts->status < 400 && facts->location.n) {
		detail = quote(facts, secret_without_user(facts->location, arena), arena);
		*ret_message = arena_printf(
			arena, "HTTP %d from %.*s: redirected to %.*s, which is not followed",
			facts->status, STR_ARG(where), STR_ARG(detail));
		return result;
	}
	detail = quote(facts, first_line(facts->body), arena);
	*ret_message = arena_printf(arena, "HTTP %d from %.*s%s%.*s", facts->status, STR_ARG(where),
				    detail.n ? ": " : "", STR_ARG(detail));
	return result;
}

static enum sink_result say(enum sink_result result, const struct verdict_facts *facts,
			    struct arena *arena, struct str *ret_message, const char *format)
{
	struct str error = quote(facts, facts->error, arena);

	*ret_message =
		arena_printf(arena, "%s %.*s: %.*s", format, STR_ARG(facts->where), STR_ARG(error));
	return result;
}

static enum sink_result timed_out(const struct verdict_facts *facts, struct arena *arena,
				  struct str *ret_message)
{
	double seconds = (double)facts->timeout_ns / 1e9;

	*ret_message = arena_printf(arena, "%s %.*s within %.3g s",
				    facts->sent ? "no complete answer from" : "no connection to",
				    STR_ARG(facts->where), seconds);
	return facts->sent ? SINK_UNKNOWN : SINK_DOWN;
}

static bool mentions(const struct verdict_facts *facts, const char *part)
{
	return memmem(facts->error.p, facts->error.n, part, strlen(part)) != NULL;
}

/* A TLS peer that refuses us does so after our request when it speaks TLS 1.3. */
static bool tls_alert(const struct verdict_facts *facts)
{
	return mentions(facts, "SSL") && mentions(facts, " alert ");
}

/* A server that restarts breaks the handshake off; libcurl has one code for this and all else. */
static bool tls_broken_off(const struct verdict_facts *facts)
{
	return facts->os_errno || mentions(facts, "SYSCALL") || mentions(facts, "unexpected eof");
}

static enum sink_result not_connected(const struct verdict_facts *facts, struct arena *arena,
				      struct str *ret_message)
{
	if (facts->os_errno == ECONNREFUSED)
		*ret_message =
			arena_printf(arena, "connection refused by %.*s", STR_ARG(facts->where));
	else
		(void)say(SINK_DOWN, facts, arena, ret_message, "cannot connect to");
	return SINK_DOWN;
}

static enum sink_result unanswered(const struct verdict_facts *facts, struct arena *arena,
				   struct str *ret_message)
{
	switch (facts->code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return say(SINK_DOWN, facts, arena, ret_message, "cannot resolve");
	case CURLE_COULDNT_CONNECT:
		return not_connected(facts, arena, ret_message);
	case CURLE_OPERATION_TIMEDOUT:
		return timed_out(facts, arena, ret_message);
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
		return say(SINK_DOWN, facts, arena, ret_message, "cannot send to");
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_ENGINE_NOTFOUND:
		return say(SINK_MISCONFIGURED, facts, arena, ret_message, "no TLS with");
	case CURLE_SSL_CONNECT_ERROR:
		return say(tls_broken_off(facts) ? SINK_DOWN : SINK_MISCONFIGURED, facts, arena,
			   ret_message, "no TLS with");
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return say(SINK_MISCONFIGURED, facts, arena, ret_message,
			   "what answers is no HTTP server:");
	case CURLE_URL_MALFORMAT:
	case CURLE_UNKNOWN_OPTION:
	case CURLE_NOT_BUILT_IN:
		return say(SINK_MISCONFIGURED, facts, arena, ret_message, "cannot send to");
	default:
		break;
	}
	if (facts->proxy_status >= 300)
		return say(facts->proxy_status < 500 ? SINK_MISCONFIGURED : SINK_DOWN, facts, arena,
			   ret_message, "the proxy refuses");
	if (tls_alert(facts))
		return say(SINK_MISCONFIGURED, facts, arena, ret_message, "no TLS with");
	return say(facts->sent ? SINK_UNKNOWN : SINK_DOWN, facts, arena, ret_message,
		   facts->sent ? "cut off after sending to" : "cut off before sending to");
}

enum sink_result verdict(const struct verdict_facts *facts, struct arena *arena,
			 struct str *ret_message)
{
	enum sink_result result;

	if (facts->interrupted) {
		*ret_message = arena_printf(arena, "interrupted while sending to %.*s",
					    STR_ARG(facts->where));
		return SINK_INTERRUPTED;
	}
	if (facts->status >= 200)
		result = answered(facts, arena, ret_message);
	else
		result = unanswered(facts, arena, ret_message);
	*ret_message = visible(arena, *ret_message, MESSAGE_MAX);
	return result;
}
