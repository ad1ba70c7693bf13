/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The namespaces of a controller: the active list, then Identify Namespace and
 * the identification descriptors of each; what changed is told as events.
 *
 * A scan that an event asks for while one runs follows after it. Namespaces that
 * go while a scan looks at them are left out. The lists are a target's, so
 * their order and number are checked.
 */
#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/host/priv.h"

#define container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define SCAN_BYTES 4096
#define LIST_MAX (SCAN_BYTES / 4)

static void next_list(struct host_ctrlr *c);
static void next_ns(struct host_ctrlr *c);

/* The queue that fails reports that itself; a scan of a dead connection just ends. */
static bool abandoned(struct host_ctrlr *c)
{
	if (c->admin->state == HOST_QPAIR_LIVE &&
	    (c->state == HOST_CTRLR_LIVE || c->state == HOST_CTRLR_SCAN))
		return false;
	c->scanning = c->rescan = false;
	return true;
}

/* One that cannot be finished: fatal while connecting, else the old picture stays. */
static void scan_failed(struct host_ctrlr *c, GError *error)
{
	c->scanning = c->rescan = false;
	if (c->state == HOST_CTRLR_SCAN) {
		host_ctrlr_fail(c, error);
		return;
	}
	log_warn(c->reactor->core->log, "host", "namespace scan failed", "cntlid=%u what=\"%s\"",
		 c->cntlid, c->scan_what);
	g_error_free(error);
}

static void submit(struct host_ctrlr *c, const char *what, void (*next)(struct host_ctrlr *c))
{
	c->scan_what = what;
	c->scan_next = next;
	memset(c->scan_buf, 0, SCAN_BYTES);
	c->scan_iov = (struct iovec){ c->scan_buf, SCAN_BYTES };
	c->scan_io.iov = &c->scan_iov;
	c->scan_io.niov = 1;
	host_scan_again(c);
}

/* A notice is told once: a scan that finds the queue full must not be forgotten. */
void host_scan_again(struct host_ctrlr *c)
{
	c->scan_waits = false;
	if (host_ctrlr_submit(c, &c->scan_io, HOST_MS(c->params.io_timeout_ms)) || abandoned(c))
		return;
	if (c->state == HOST_CTRLR_LIVE) {
		c->scan_waits = true;
		host_ctrlr_again(c);
		return;
	}
	scan_failed(c, host_status_error(c->scan_what, NVME_SC_INTERNAL_PATH_ERROR));
}

/* A damaged answer (data digest) says nothing about namespaces: the same is asked again. */
static void scan_done(struct host_io *io)
{
	struct host_ctrlr *c = container(io, struct host_ctrlr, scan_io);

	if (abandoned(c))
		return;
	if ((io->status & 0x7ff) != NVME_SC_TRANSIENT_TRANSPORT) {
		c->scan_next(c);
	} else if (c->state == HOST_CTRLR_LIVE) {
		c->scan_waits = true;
		host_ctrlr_again(c);
	} else {
		scan_failed(c, host_status_error(c->scan_what, io->status));
	}
}

static void identify(struct host_ctrlr *c, uint8_t cns, uint32_t nsid, const char *what,
		     void (*next)(struct host_ctrlr *c))
{
	c->scan_io.cmd = (struct nvme_cmd){
		.opcode = NVME_ADMIN_IDENTIFY,
		.nsid = nsid,
		.cdw10 = cns,
	};
	submit(c, what, next);
}

/* --- what changed --------------------------------------------------------------------- */

static bool same_identity(const struct host_ns *a, const struct host_ns *b)
{
	return memcmp(a->uuid, b->uuid, 16) == 0 && memcmp(a->nguid, b->nguid, 16) == 0 &&
	       memcmp(a->eui64, b->eui64, 8) == 0 && a->block_size == b->block_size;
}

static void tell(struct host_ctrlr *c, bool events, enum host_event event, const struct host_ns *ns)
{
	if (events)
		host_ctrlr_event(c, event, ns);
}

/* Both lists are sorted: one walk over both. The new picture is in place before events. */
static void apply(struct host_ctrlr *c)
{
	GArray *old = c->ns, *new = c->found;
	bool events = c->was_live;
	unsigned i = 0, j = 0;

	c->ns = new;
	c->found = old;
	while (i < old->len || j < new->len) {
		const struct host_ns *a =
			i < old->len ? &g_array_index(old, struct host_ns, i) : NULL;
		const struct host_ns *b =
			j < new->len ? &g_array_index(new, struct host_ns, j) : NULL;

		if (a && b && a->nsid == b->nsid) {
			if (!same_identity(a, b)) {
				tell(c, events, HOST_EVENT_NS_REMOVED, a);
				tell(c, events, HOST_EVENT_NS_ADDED, b);
			} else if (a->blocks != b->blocks || a->capacity != b->capacity) {
				tell(c, events, HOST_EVENT_NS_RESIZED, b);
			}
			i++;
			j++;
		} else if (a && (!b || a->nsid < b->nsid)) {
			tell(c, events, HOST_EVENT_NS_REMOVED, a);
			i++;
		} else {
			tell(c, events, HOST_EVENT_NS_ADDED, b);
			j++;
		}
	}
	g_array_set_size(old, 0);
}

static void scan_end(struct host_ctrlr *c)
{
	bool again = c->rescan;

	apply(c);
	c->scanning = false;
	if (c->state == HOST_CTRLR_SCAN) {
		c->rescan = false;
		host_ctrlr_scanned(c);
	} else if (again) {
		c->rescan = false;
		host_scan_start(c, true);
	} else if (c->id->oaes & NVME_OAES_ANA) {
		/* What comes or goes changes that too, and has no other notice (base 2.0, 5.2). */
		host_ctrlr_event(c, HOST_EVENT_ANA, NULL);
	}
}

/* --- one namespace ----------------------------------------------------------------------- */

static void got_descriptors(struct host_ctrlr *c)
{
	struct host_ns *ns = &g_array_index(c->found, struct host_ns, c->found->len - 1);
	const uint8_t *p = c->scan_buf, *end = p + SCAN_BYTES;

	while (c->scan_io.status == NVME_SUCCESS && end - p >= 4) {
		const struct nvme_ns_desc *d = (const void *)p;

		if (d->nidl == 0 || d->nidl > end - p - 4)
			break;
		if (d->nidt == NVME_NIDT_UUID && d->nidl == 16)
			memcpy(ns->uuid, d->nid, 16);
		else if (d->nidt == NVME_NIDT_NGUID && d->nidl == 16)
			memcpy(ns->nguid, d->nid, 16);
		else if (d->nidt == NVME_NIDT_EUI64 && d->nidl == 8)
			memcpy(ns->eui64, d->nid, 8);
		p += 4 + d->nidl;
	}
	c->scan_at++;
	next_ns(c);
}

static void got_ns(struct host_ctrlr *c)
{
	const struct nvme_id_ns *id = c->scan_buf;
	unsigned format = (id->flbas & 0xf) | (id->flbas >> 1 & 0x30);
	unsigned lbads = id->lbaf[format].lbads;
	struct host_ns ns = {
		.nsid = g_array_index(c->nsids, uint32_t, c->scan_at),
		.blocks = id->nsze,
		.capacity = id->ncap,
		.used = id->nuse,
		.anagrpid = id->anagrpid,
	};

	if (c->scan_io.status || id->nsze == 0 || lbads < 9 || lbads > 16 ||
	    id->nsze > UINT64_MAX >> lbads) {
		/* Gone meanwhile, or nothing that can be used. */
		if (c->scan_io.status == NVME_SUCCESS && id->nsze)
			log_warn(c->reactor->core->log, "host", "namespace with a bad format",
				 "nsid=%u lbads=%u", ns.nsid, lbads);
		c->scan_at++;
		next_ns(c);
		return;
	}
	ns.block_size = 1u << lbads;
	memcpy(ns.nguid, id->nguid, 16);
	memcpy(ns.eui64, id->eui64, 8);
	g_array_append_val(c->found, ns);
	identify(c, NVME_CNS_NS_DESC, ns.nsid, "Identify (namespace descriptors)", got_descriptors);
}

static void next_ns(struct host_ctrlr *c)
{
	if (c->scan_at < c->nsids->len)
		identify(c, NVME_CNS_NS, g_array_index(c->nsids, uint32_t, c->scan_at),
			 "Identify Namespace", got_ns);
	else
		scan_end(c);
}

/* --- the list ------------------------------------------------------------------------------ */

static void got_list(struct host_ctrlr *c)
{
	const uint32_t *list = c->scan_buf;
	uint32_t last = c->nsids->len ? g_array_index(c->nsids, uint32_t, c->nsids->len - 1) : 0;
	GError *error = NULL;
	unsigned n;

	if (c->scan_io.status) {
		scan_failed(c, host_status_error(c->scan_what, c->scan_io.status));
		return;
	}
	for (n = 0; n < LIST_MAX && list[n]; n++) {
		if (list[n] <= last || list[n] >= NVME_NSID_ALL - 1 ||
		    c->nsids->len == HOST_MAX_NS) {
			weft_error_set(
				&error, -EPROTO, NULL,
				"The target's list of namespaces is out of order or has more "
				"than %u.",
				HOST_MAX_NS);
			scan_failed(c, error);
			return;
		}
		last = list[n];
		g_array_append_val(c->nsids, last);
	}
	if (n == LIST_MAX)
		next_list(c);
	else
		next_ns(c);
}

static void next_list(struct host_ctrlr *c)
{
	uint32_t last = c->nsids->len ? g_array_index(c->nsids, uint32_t, c->nsids->len - 1) : 0;

	identify(c, NVME_CNS_ACTIVE_NS, last, "Identify (active namespaces)", got_list);
}

/* Reading the log is what makes the target report the next change; its contents do not matter. */
static void read_log(struct host_ctrlr *c)
{
	c->scan_io.cmd = (struct nvme_cmd){
		.opcode = NVME_ADMIN_GET_LOG_PAGE,
		.nsid = NVME_NSID_ALL,
		.cdw10 = NVME_LOG_CHANGED_NS | (SCAN_BYTES / 4 - 1) << 16,
	};
	submit(c, "Get Log Page (changed namespaces)", next_list);
}

void host_scan_start(struct host_ctrlr *c, bool with_log)
{
	if (c->scanning) {
		c->rescan = true;
		return;
	}
	c->scanning = true;
	c->scan_at = 0;
	c->scan_io.done = scan_done;
	g_array_set_size(c->nsids, 0);
	g_array_set_size(c->found, 0);
	if (with_log)
		read_log(c);
	else
		next_list(c);
}
