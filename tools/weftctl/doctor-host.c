/* SPDX-License-Identifier: BSD-3-Clause */
/* What the machine and its settings allow. Of a running target its own limits count. */
#include <errno.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tools/weftctl/doctor.h"

#define FEW_FILES 1024
#define ENOUGH_FILES 65536
#define ENOUGH_LOCKED (8u * 1024 * 1024)
#define POOL_BYTES (128u * 1024 * 1024)
#define MIB (1024 * 1024)

static char *read_of(const struct doctor *d, const char *name)
{
	g_autofree char *path = d->pid ? g_strdup_printf("/proc/%d/%s", (int)d->pid, name)
				       : g_strdup_printf("/proc/self/%s", name);

	return doctor_read(path);
}

static const char *whose(const struct doctor *d)
{
	return d->pid ? "weftd" : "a process started here";
}

/* --- limits --------------------------------------------------------------------------------------
 */

bool doctor_limit(const char *limits, const char *name, guint64 *value)
{
	const char *line = strstr(limits, name);
	char *end;

	if (!line)
		return false;
	line += strlen(name);
	line += strspn(line, " ");
	if (g_str_has_prefix(line, "unlimited")) {
		*value = G_MAXUINT64;
		return true;
	}
	*value = g_ascii_strtoull(line, &end, 10);
	return end != line;
}

static void open_files(struct doctor *d, const char *limits)
{
	static const char fix[] = "LimitNOFILE=65536 in the service (packaging/weftd.service has "
				  "it), or ulimit -n 65536 before weftd";
	guint64 n;

	if (!doctor_limit(limits, "Max open files", &n))
		return;
	if (n < FEW_FILES)
		doctor_say(d, FINDING_WRONG, "open files", fix,
			   "%s may have only %" G_GUINT64_FORMAT
			   " files open; each queue of a host is one",
			   whose(d), n);
	else if (n < ENOUGH_FILES)
		doctor_say(d, FINDING_WARNING, "open files", fix,
			   "%s may have %" G_GUINT64_FORMAT
			   " files open: enough for some %" G_GUINT64_FORMAT " hosts of 8 queues",
			   whose(d), n, (n - 100) / 9);
	else
		doctor_say(d, FINDING_OK, "open files", NULL, "%s may have enough files open",
			   whose(d));
}

static void locked(struct doctor *d, const char *limits)
{
	guint64 n;

	if (!doctor_limit(limits, "Max locked memory", &n))
		return;
	if (n < ENOUGH_LOCKED)
		doctor_say(d, FINDING_WARNING, "memlock",
			   "LimitMEMLOCK=infinity in the service, or ulimit -l unlimited",
			   "%s may lock only %" G_GUINT64_FORMAT
			   " KiB; kernels before 5.12 take rings of io_uring from that",
			   whose(d), n / 1024);
	else
		doctor_say(d, FINDING_OK, "memlock", NULL, "%s may lock enough memory", whose(d));
}

static void limits_of(struct doctor *d)
{
	g_autofree char *limits = read_of(d, "limits");

	if (!limits)
		return;
	open_files(d, limits);
	if (!d->look) /* then it has been said for RNICs, which need more */
		locked(d, limits);
}

/* --- memory --------------------------------------------------------------------------------------
 */

/* The least memory.max of the group and those that it is in. */
static guint64 group_limit(const char *group, char **where)
{
	g_autofree char *at = g_strdup(group);
	guint64 least = G_MAXUINT64;

	while (*at) {
		g_autofree char *path = g_strdup_printf("/sys/fs/cgroup%s/memory.max", at);
		g_autofree char *text = doctor_read(path);
		guint64 n = text && g_ascii_isdigit(*text) ? g_ascii_strtoull(text, NULL, 10)
							   : G_MAXUINT64;

		if (n < least) {
			least = n;
			g_free(*where);
			*where = g_strdup(path);
		}
		*strrchr(at, '/') = '\0';
		if (!strchr(at, '/'))
			break;
	}
	return least;
}

static guint64 available(void)
{
	g_autofree char *info = doctor_read("/proc/meminfo");
	const char *line = info ? strstr(info, "MemAvailable:") : NULL;

	return line ? g_ascii_strtoull(line + strlen("MemAvailable:"), NULL, 10) * 1024
		    : G_MAXUINT64;
}

static void memory(struct doctor *d)
{
	g_autofree char *groups = read_of(d, "cgroup"), *where = NULL;
	const char *line = groups ? strstr(groups, "0::") : NULL;
	g_autofree char *group = line ? g_strndup(line + 3, strcspn(line + 3, "\n")) : g_strdup("");
	guint64 limit = group_limit(group, &where), needed = d->memory + POOL_BYTES;
	guint64 there = available();

	if (limit < needed)
		doctor_say(d, FINDING_WRONG, "memory",
			   "MemoryMax= of the service, or less in malloc bdevs",
			   "%s allows %" G_GUINT64_FORMAT " MiB; buffers of a reactor and malloc "
			   "bdevs may take %" G_GUINT64_FORMAT " MiB",
			   where, limit / MIB, needed / MIB);
	else if (!d->reachable && there < needed)
		doctor_say(d, FINDING_WRONG, "memory", "less in malloc bdevs, or more memory",
			   "%" G_GUINT64_FORMAT " MiB are available; buffers of a reactor and "
			   "malloc bdevs may take %" G_GUINT64_FORMAT " MiB",
			   there / MIB, needed / MIB);
	else
		doctor_say(d, FINDING_OK, "memory", NULL,
			   "%" G_GUINT64_FORMAT " MiB are available, and no control group allows "
			   "too little",
			   there / MIB);
}

/* --- the kernel
 * ------------------------------------------------------------------------------------ */

static void io_uring(struct doctor *d)
{
	struct io_uring_params params = { 0 };
	long fd = syscall(__NR_io_uring_setup, 4, &params);

	if (fd >= 0) {
		close((int)fd);
		doctor_say(d, FINDING_OK, "io_uring", NULL, "the kernel offers it");
		return;
	}
	doctor_say(d, FINDING_WARNING, "io_uring",
		   errno == ENOSYS
			   ? "a kernel from 5.19 on"
			   : "sysctl kernel.io_uring_disabled=0, or allow io_uring_setup in the "
			     "seccomp profile of the container",
		   "%s; weftd takes epoll and threads then, which are slower", g_strerror(errno));
}

static void module(struct doctor *d)
{
	g_autofree char *list = NULL, *text = NULL;
	struct utsname u;

	if (g_file_test("/sys/module/nvme_tcp", G_FILE_TEST_IS_DIR)) {
		doctor_say(d, FINDING_OK, "nvme-tcp", NULL,
			   "is loaded: this machine can be a host too");
		return;
	}
	uname(&u);
	list = g_strdup_printf("/lib/modules/%s/modules.dep", u.release);
	text = doctor_read(list);
	if (text && strstr(text, "/nvme-tcp.ko"))
		doctor_say(d, FINDING_OK, "nvme-tcp", NULL,
			   "is there, not loaded: modprobe nvme-tcp makes this machine a host");
	else
		doctor_say(d, FINDING_OK, "nvme-tcp", NULL,
			   "the kernel has no such module: this machine can be no host, which a "
			   "target need not be");
}

static void processors(struct doctor *d)
{
	g_autofree char *isolated = doctor_read("/sys/devices/system/cpu/isolated");
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;
	int allowed = 0;

	if (sched_getaffinity(d->pid, sizeof(set), &set) == 0)
		allowed = CPU_COUNT(&set);
	if (isolated && *isolated)
		doctor_say(d, FINDING_OK, "processors", NULL,
			   "%d of %ld may be used; %s are isolated: weftd -m [%s] puts reactors "
			   "there",
			   allowed, online, isolated, isolated);
	else
		doctor_say(d, FINDING_OK, "processors", NULL, "%d of %ld may be used", allowed,
			   online);
}

static void clocks(struct doctor *d)
{
	g_autofree char *source =
		doctor_read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
	struct timex t = { 0 };

	if (source && (strcmp(source, "hpet") == 0 || strcmp(source, "acpi_pm") == 0 ||
		       strcmp(source, "jiffies") == 0))
		doctor_say(d, FINDING_WARNING, "clock",
			   "find out why the kernel gave up the TSC (dmesg | grep -i tsc)",
			   "the kernel keeps time with %s, which is slow to read", source);
	else if (adjtimex(&t) == TIME_ERROR || (t.status & STA_UNSYNC))
		doctor_say(d, FINDING_WARNING, "clock", "chrony or systemd-timesyncd",
			   "nothing keeps it right; times in logs will not agree with those of "
			   "hosts");
	else
		doctor_say(d, FINDING_OK, "clock", NULL, "is kept right, and quick to read");
}

void doctor_host(struct doctor *d)
{
	limits_of(d);
	memory(d);
	io_uring(d);
	processors(d);
	clocks(d);
	module(d);
}
