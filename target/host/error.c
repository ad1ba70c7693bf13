/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What went wrong while connecting, as a GError for people: what it was, and
 * what to check.
 */
#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/host/priv.h"

static GError *transport_error(const struct host_qpair *q, const char *peer)
{
	GError *error = NULL;

	switch (-q->err) {
	case ECONNREFUSED:
		weft_error_set(&error, q->err, "Connection refused",
			       "Nothing listens on %s: check address and port, that the target "
			       "runs, and that it has a listener there.",
			       peer);
		break;
	case ETIMEDOUT:
		weft_error_set(&error, q->err, NULL,
			       "No answer from %s: check address, port and firewalls, and that "
			       "it is an %s port.",
			       peer, q->ops->name);
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
		weft_error_set(&error, q->err, NULL,
			       "There is no way to %s: check address, routes and cables.", peer);
		break;
	case ECONNRESET:
	case EPROTO:
		weft_error_set(&error, q->err, NULL, "%s: %s. Check that it is an %s port.", peer,
			       q->err_text, q->ops->name);
		break;
	default:
		weft_error_set(&error, q->err, NULL, "%s: %s.", peer, q->err_text);
	}
	return error;
}

static GError *connect_error(const struct host_qpair *q, const char *peer)
{
	const struct host_ctrlr *c = q->ctrlr;
	uint16_t status = q->err_status & 0x7ff;
	uint32_t where = q->err_dw0 & 0x1ffff;
	GError *error = NULL;

	if (status == NVME_SC_CONNECT_INVALID_HOST)
		weft_error_set(&error, q->err, "Host not allowed",
			       "%s at %s does not admit host %s: add the host to the subsystem, "
			       "or use one that it knows.",
			       c->subnqn, peer, c->hostnqn);
	else if (status == NVME_SC_CONNECT_INVALID_PARAM && where == NVME_CONNECT_IPO_DATA(subnqn))
		weft_error_set(&error, q->err, "No such subsystem",
			       "%s does not offer %s: discover shows what it has.", peer,
			       c->subnqn);
	else if (status == NVME_SC_CONNECT_INVALID_PARAM)
		weft_error_set(&error, q->err, "Connect was refused",
			       "%s found byte %u of the Connect %s invalid (queue %u).", peer,
			       where & 0xffff, where >> 16 ? "data" : "command", q->id);
	else
		weft_error_set(&error, q->err, "Connect was refused", "%s answered: %s (0x%x).",
			       peer, nvme_status_name(q->err_status), q->err_status);
	return error;
}

GError *host_queue_error(const struct host_qpair *q)
{
	char peer[NET_ADDR_STRLEN];
	GError *error = NULL;

	net_addr_format(&q->ctrlr->params.addr, peer);
	if (q->err_status)
		return connect_error(q, peer);
	if (q->err_is_connect)
		return transport_error(q, peer);
	weft_error_set(&error, q->err, NULL, "Connection to %s (queue %u): %s.", peer, q->id,
		       q->err_text);
	return error;
}

GError *host_status_error(const char *what, uint16_t status)
{
	GError *error = NULL;

	weft_error_set(&error, -EIO, NULL, "%s failed: %s (0x%x).", what, nvme_status_name(status),
		       status);
	return error;
}

const char *host_event_name(enum host_event event)
{
	static const char *const names[] = {
		[HOST_EVENT_NS_ADDED] = "namespace added",
		[HOST_EVENT_NS_REMOVED] = "namespace removed",
		[HOST_EVENT_NS_RESIZED] = "namespace resized",
		[HOST_EVENT_LOST] = "connection lost",
		[HOST_EVENT_LIVE] = "connected again",
		[HOST_EVENT_DEAD] = "given up",
		[HOST_EVENT_ANA] = "ANA states changed",
		[HOST_EVENT_DISCOVERY] = "discovery log changed",
	};

	return names[event];
}
