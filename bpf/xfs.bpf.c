/* SPDX-License-Identifier: Apache-2.0 */
/* How long operations on files of XFS take, in the page cache or not; as ebpf_exporter's xfsdist.
 */
#include "calls.h"

enum { READ, WRITE, OPEN, FSYNC, OPERATIONS };

PP_MAP(xfs_latency_seconds, PERCPU_ARRAY, OPERATIONS, u32, struct calls_slots)
	PP_HISTOGRAM("Time of operations on files of XFS.", "exp2 0..27 * 1e-6")
	PP_SCALE("1e-9") PP_SKIP_ZERO PP_LABEL("operation|map:0=read,1=write,2=open,3=fsync");

CALLS(read, xfs_file_read_iter, xfs_latency_seconds, READ)
CALLS(write, xfs_file_write_iter, xfs_latency_seconds, WRITE)
CALLS(open, xfs_file_open, xfs_latency_seconds, OPEN)
CALLS(fsync, xfs_file_fsync, xfs_latency_seconds, FSYNC)

char LICENSE[] SEC("license") = "GPL";
