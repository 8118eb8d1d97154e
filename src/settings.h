/* SPDX-License-Identifier: Apache-2.0 */
/* The sections of the configuration that belong to no single collector, and their structs. */
#pragma once

#include "base/opt.h"

struct main_conf {
	struct str config;
	bool verbose, quiet, version;
};

struct host_conf {
	struct str procfs, sysfs, rootfs, udev;
};

enum push_method { PUSH_METHOD_POST, PUSH_METHOD_PUT };
enum push_format { PUSH_FORMAT_AUTO, PUSH_FORMAT_TEXT, PUSH_FORMAT_PROTOBUF };

struct push_conf {
	struct str url, job, instance;
	struct opt_map labels;
	int64_t interval_ns, timeout_ns;
	int64_t splay_ns; /* -1: auto */
	int method, format;
	int compression; /* enum target_compression */
	bool delete_on_stop;
	struct str user, password_file, bearer_token_file;
};

struct stop_conf {
	bool last;
};

struct check_conf {
	bool gateway;
	int64_t stale_ns;
};

struct delete_conf {
	struct opt_list group; /* labels; each that is called job begins another group */
	bool if_pushed;
};

struct tls_conf {
	struct str ca, cert, key;
	bool insecure;
};

struct state_conf {
	struct str dir;
};

struct limits_conf {
	int64_t series, series_per_family;
};

extern const struct opt_section section_main, section_host, section_push, section_tls,
	section_state, section_stop, section_limits, section_check, section_delete;
