/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Management datagrams by tables: for each message, where each of its fields
 * stands. Reading and writing go by the same lines, so they cannot disagree.
 */
#include "hw/roce/cm-wire.h"

#include <string.h>

#include "hw/roce/bytes.h"

/* A number of up to 64 bits, or bytes as they are (bits a multiple of 8 above 64). */
struct field {
	uint16_t at; /* bits from the beginning of the datagram */
	uint8_t bits;
	uint8_t size; /* of the member: 1, 2, 4, 8, or more for bytes */
	uint16_t member;
};

struct message {
	const char *name;
	const struct field *fields;
	uint8_t n_fields;
	uint8_t private_at; /* to the end of the datagram */
	/* Additional information, and bits of the byte that tells its length; 0: none. */
	uint8_t info_len_at, info_len_shift, info_at;
};

/* Bytes count from behind the header of the datagram. */
#define FIELD(member_of, byte, bit, width)                                                         \
	{                                                                                          \
		.at = (ROCE_MAD_HEAD_LEN + (byte)) * 8 + (bit), .bits = width,                     \
		.size = sizeof(((struct roce_cm *)NULL)->member_of),                               \
		.member = offsetof(struct roce_cm, member_of)                                      \
	}
#define WHOLE(member_of, byte)                                                                     \
	FIELD(member_of, byte, 0, 8 * sizeof(((struct roce_cm *)NULL)->member_of))
/* The first fields of most messages. */
#define IDS(of) WHOLE(of.local_id, 0), WHOLE(of.remote_id, 4)

static const struct field head_fields[] = {
	WHOLE(mad.base_version, -24), WHOLE(mad.mgmt_class, -23), WHOLE(mad.class_version, -22),
	WHOLE(mad.method, -21),	      WHOLE(mad.status, -20),	  WHOLE(mad.class_specific, -18),
	WHOLE(mad.tid, -16),	      WHOLE(mad.attribute, -8),	  WHOLE(mad.modifier, -4),
};

#define PATH(of, byte)                                                                             \
	WHOLE(of.local_lid, (byte)), WHOLE(of.remote_lid, (byte) + 2),                             \
		WHOLE(of.local_gid, (byte) + 4), WHOLE(of.remote_gid, (byte) + 20),                \
		FIELD(of.flow_label, (byte) + 36, 0, 20),                                          \
		FIELD(of.packet_rate, (byte) + 39, 2, 6), WHOLE(of.traffic_class, (byte) + 40),    \
		WHOLE(of.hop_limit, (byte) + 41), FIELD(of.sl, (byte) + 42, 0, 4),                 \
		FIELD(of.subnet_local, (byte) + 42, 4, 1),                                         \
		FIELD(of.ack_timeout, (byte) + 43, 0, 5)

static const struct field req_fields[] = {
	WHOLE(req.local_id, 0),
	WHOLE(req.vendor, 4),
	WHOLE(req.service_id, 8),
	WHOLE(req.ca_guid, 16),
	WHOLE(req.qkey, 28),
	FIELD(req.qpn, 32, 0, 24),
	WHOLE(req.responder_resources, 35),
	FIELD(req.local_eecn, 36, 0, 24),
	WHOLE(req.initiator_depth, 39),
	FIELD(req.remote_eecn, 40, 0, 24),
	FIELD(req.remote_response_timeout, 43, 0, 5),
	FIELD(req.transport, 43, 5, 2),
	FIELD(req.flow_control, 43, 7, 1),
	FIELD(req.psn, 44, 0, 24),
	FIELD(req.local_response_timeout, 47, 0, 5),
	FIELD(req.retry_count, 47, 5, 3),
	WHOLE(req.pkey, 48),
	FIELD(req.mtu, 50, 0, 4),
	FIELD(req.rdc, 50, 4, 1),
	FIELD(req.rnr_retry_count, 50, 5, 3),
	FIELD(req.max_cm_retries, 51, 0, 4),
	FIELD(req.srq, 51, 4, 1),
	FIELD(req.extended_transport, 51, 5, 3),
	PATH(req.primary, 52),
	PATH(req.alternate, 96),
	FIELD(req.sap, 139, 5, 1),
};

static const struct field mra_fields[] = {
	IDS(mra),
	FIELD(mra.about, 8, 0, 2),
	FIELD(mra.service_timeout, 9, 0, 5),
};

static const struct field rej_fields[] = {
	IDS(rej),
	FIELD(rej.about, 8, 0, 2),
	WHOLE(rej.reason, 10),
};

static const struct field rep_fields[] = {
	IDS(rep),
	WHOLE(rep.qkey, 8),
	FIELD(rep.qpn, 12, 0, 24),
	FIELD(rep.eecn, 16, 0, 24),
	FIELD(rep.psn, 20, 0, 24),
	WHOLE(rep.responder_resources, 24),
	WHOLE(rep.initiator_depth, 25),
	FIELD(rep.ack_delay, 26, 0, 5),
	FIELD(rep.failover, 26, 5, 2),
	FIELD(rep.flow_control, 26, 7, 1),
	FIELD(rep.rnr_retry_count, 27, 0, 3),
	FIELD(rep.srq, 27, 3, 1),
	WHOLE(rep.ca_guid, 28),
};

static const struct field ids_fields[] = { IDS(ids) };

static const struct field dreq_fields[] = {
	IDS(ids),
	FIELD(ids.remote_qpn, 8, 0, 24),
};

static const struct field lap_fields[] = {
	IDS(lap),
	FIELD(lap.remote_qpn, 12, 0, 24),
	FIELD(lap.response_timeout, 15, 0, 5),
	WHOLE(lap.path.local_lid, 20),
	WHOLE(lap.path.remote_lid, 22),
	WHOLE(lap.path.local_gid, 24),
	WHOLE(lap.path.remote_gid, 40),
	FIELD(lap.path.flow_label, 56, 0, 20),
	WHOLE(lap.path.traffic_class, 59),
	WHOLE(lap.path.hop_limit, 60),
	FIELD(lap.path.packet_rate, 61, 2, 6),
	FIELD(lap.path.sl, 62, 0, 4),
	FIELD(lap.path.subnet_local, 62, 4, 1),
	FIELD(lap.path.ack_timeout, 63, 0, 5),
};

static const struct field apr_fields[] = {
	IDS(apr),
	WHOLE(apr.status, 9),
};

static const struct field sidr_req_fields[] = {
	WHOLE(sidr_req.request_id, 0),
	WHOLE(sidr_req.pkey, 4),
	WHOLE(sidr_req.service_id, 8),
};

static const struct field sidr_rep_fields[] = {
	WHOLE(sidr_rep.request_id, 0),	WHOLE(sidr_rep.status, 4), FIELD(sidr_rep.qpn, 8, 0, 24),
	WHOLE(sidr_rep.service_id, 12), WHOLE(sidr_rep.qkey, 20),
};

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define AT(byte) ((byte) > 0 ? ROCE_MAD_HEAD_LEN + (byte) : 0)
#define MESSAGE(kind, text, table, private_byte, len_byte, shift, info_byte)                       \
	[kind - ROCE_CM_REQ] = { .name = text,                                                     \
				 .fields = table,                                                  \
				 .n_fields = N(table),                                             \
				 .private_at = AT(private_byte),                                   \
				 .info_len_at = AT(len_byte),                                      \
				 .info_len_shift = shift,                                          \
				 .info_at = AT(info_byte) }

static const struct message messages[] = {
	MESSAGE(ROCE_CM_REQ, "ConnectRequest", req_fields, 140, 0, 0, 0),
	MESSAGE(ROCE_CM_MRA, "MsgRcptAck", mra_fields, 10, 0, 0, 0),
	MESSAGE(ROCE_CM_REJ, "ConnectReject", rej_fields, 84, 9, 1, 12),
	MESSAGE(ROCE_CM_REP, "ConnectReply", rep_fields, 36, 0, 0, 0),
	MESSAGE(ROCE_CM_RTU, "ReadyToUse", ids_fields, 8, 0, 0, 0),
	MESSAGE(ROCE_CM_DREQ, "DisconnectRequest", dreq_fields, 12, 0, 0, 0),
	MESSAGE(ROCE_CM_DREP, "DisconnectReply", ids_fields, 8, 0, 0, 0),
	MESSAGE(ROCE_CM_SIDR_REQ, "ServiceIDResReq", sidr_req_fields, 16, 0, 0, 0),
	MESSAGE(ROCE_CM_SIDR_REP, "ServiceIDResReqResp", sidr_rep_fields, 96, 5, 0, 24),
	MESSAGE(ROCE_CM_LAP, "LoadAlternatePath", lap_fields, 64, 0, 0, 0),
	MESSAGE(ROCE_CM_APR, "AlternatePathResponse", apr_fields, 84, 8, 0, 12),
};

static const struct message *find_message(uint16_t attribute)
{
	if (attribute < ROCE_CM_REQ || attribute - ROCE_CM_REQ >= (int)N(messages))
		return NULL;
	return &messages[attribute - ROCE_CM_REQ];
}

const char *roce_cm_name(uint16_t attribute)
{
	const struct message *m = find_message(attribute);

	return m != NULL ? m->name : NULL;
}

size_t roce_cm_private_max(uint16_t attribute)
{
	const struct message *m = find_message(attribute);

	return m != NULL ? (size_t)ROCE_MAD_LEN - m->private_at : 0;
}

/* ---- one field ---- */

/* The numbers stand within eight bytes, which end in the datagram. */
static uint64_t get_bits(const uint8_t *mad, const struct field *f)
{
	const unsigned end = f->at + f->bits;
	uint64_t value = 0;

	for (unsigned byte = f->at / 8; byte * 8 < end; byte++)
		value = value << 8 | mad[byte];
	value >>= (8 - end % 8) % 8;
	return f->bits == 64 ? value : value & ((UINT64_C(1) << f->bits) - 1);
}

/* Into a datagram that is zero there. */
static void put_bits(uint8_t *mad, const struct field *f, uint64_t value)
{
	const unsigned end = f->at + f->bits;

	if (f->bits < 64)
		value &= (UINT64_C(1) << f->bits) - 1;
	value <<= (8 - end % 8) % 8;
	for (unsigned byte = (end + 7) / 8; byte-- > f->at / 8; value >>= 8)
		mad[byte] |= (uint8_t)value;
}

static void get_field(struct roce_cm *cm, const uint8_t *mad, const struct field *f)
{
	uint8_t *member = (uint8_t *)cm + f->member;
	uint64_t value;

	if (f->size > sizeof(value)) {
		memcpy(member, mad + f->at / 8, f->size);
		return;
	}
	value = get_bits(mad, f);
	if (f->size == 1)
		*member = (uint8_t)value;
	else if (f->size == 2)
		memcpy(member, &(uint16_t){ (uint16_t)value }, 2);
	else if (f->size == 4)
		memcpy(member, &(uint32_t){ (uint32_t)value }, 4);
	else
		memcpy(member, &value, 8);
}

static void put_field(const struct roce_cm *cm, uint8_t *mad, const struct field *f)
{
	const uint8_t *member = (const uint8_t *)cm + f->member;
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;

	switch (f->size) {
	case 1:
		put_bits(mad, f, *member);
		break;
	case 2:
		memcpy(&v16, member, 2);
		put_bits(mad, f, v16);
		break;
	case 4:
		memcpy(&v32, member, 4);
		put_bits(mad, f, v32);
		break;
	case 8:
		memcpy(&v64, member, 8);
		put_bits(mad, f, v64);
		break;
	default:
		memcpy(mad + f->at / 8, member, f->size);
	}
}

/* ---- datagrams ---- */

static enum roce_cm_error check_head(const struct roce_mad *mad)
{
	if (mad->base_version != ROCE_MAD_BASE_VERSION)
		return ROCE_CM_BAD_BASE;
	if (mad->mgmt_class != ROCE_MAD_CLASS_CM)
		return ROCE_CM_BAD_CLASS;
	if (mad->class_version != ROCE_MAD_CM_VERSION)
		return ROCE_CM_BAD_VERSION;
	if (mad->method != ROCE_MAD_SEND)
		return ROCE_CM_BAD_METHOD;
	return find_message(mad->attribute) != NULL ? ROCE_CM_OK : ROCE_CM_BAD_ATTRIBUTE;
}

enum roce_cm_error roce_cm_decode(struct roce_cm *cm, const void *data, size_t len)
{
	const struct message *m;
	const uint8_t *mad = data;
	enum roce_cm_error error;

	memset(cm, 0, sizeof(*cm));
	if (len != ROCE_MAD_LEN)
		return ROCE_CM_BAD_LENGTH;
	for (size_t i = 0; i < N(head_fields); i++)
		get_field(cm, mad, &head_fields[i]);
	error = check_head(&cm->mad);
	if (error != ROCE_CM_OK)
		return error;
	m = find_message(cm->mad.attribute);
	for (unsigned i = 0; i < m->n_fields; i++)
		get_field(cm, mad, &m->fields[i]);
	cm->private_data = mad + m->private_at;
	cm->private_len = (size_t)ROCE_MAD_LEN - m->private_at;
	if (m->info_at == 0)
		return ROCE_CM_OK;
	cm->info = mad + m->info_at;
	cm->info_len = mad[m->info_len_at] >> m->info_len_shift;
	return cm->info_len <= ROCE_CM_INFO_MAX ? ROCE_CM_OK : ROCE_CM_BAD_INFO;
}

void roce_cm_head(struct roce_cm *cm, enum roce_cm_kind kind, uint64_t tid)
{
	cm->mad = (struct roce_mad){ .base_version = ROCE_MAD_BASE_VERSION,
				     .mgmt_class = ROCE_MAD_CLASS_CM,
				     .class_version = ROCE_MAD_CM_VERSION,
				     .method = ROCE_MAD_SEND,
				     .tid = tid,
				     .attribute = (uint16_t)kind };
}

enum roce_cm_error roce_cm_encode(const struct roce_cm *cm, uint8_t mad[ROCE_MAD_LEN])
{
	enum roce_cm_error error = check_head(&cm->mad);
	const struct message *m;

	if (error != ROCE_CM_OK)
		return error;
	m = find_message(cm->mad.attribute);
	if (cm->private_len > (size_t)ROCE_MAD_LEN - m->private_at)
		return ROCE_CM_BAD_PRIVATE;
	if (cm->info_len > (m->info_at != 0 ? ROCE_CM_INFO_MAX : 0))
		return ROCE_CM_BAD_INFO;
	memset(mad, 0, ROCE_MAD_LEN);
	for (size_t i = 0; i < N(head_fields); i++)
		put_field(cm, mad, &head_fields[i]);
	for (unsigned i = 0; i < m->n_fields; i++)
		put_field(cm, mad, &m->fields[i]);
	if (cm->private_len > 0)
		memcpy(mad + m->private_at, cm->private_data, cm->private_len);
	if (cm->info_len > 0) {
		mad[m->info_len_at] = (uint8_t)(cm->info_len << m->info_len_shift);
		memcpy(mad + m->info_at, cm->info, cm->info_len);
	}
	return ROCE_CM_OK;
}

uint32_t roce_cm_local_id(const uint8_t mad[ROCE_MAD_LEN])
{
	return roce_get32(mad + ROCE_MAD_HEAD_LEN);
}

const char *roce_cm_error_str(enum roce_cm_error error)
{
	static const char *const text[ROCE_CM_ERRORS] = {
		[ROCE_CM_OK] = "no error",
		[ROCE_CM_BAD_LENGTH] = "a management datagram is 256 bytes long",
		[ROCE_CM_BAD_BASE] = "the base version is not 1",
		[ROCE_CM_BAD_CLASS] = "the management class is not 7, communication management",
		[ROCE_CM_BAD_VERSION] = "the class version is not 2",
		[ROCE_CM_BAD_METHOD] = "the method is not 3, Send",
		[ROCE_CM_BAD_ATTRIBUTE] = "the attribute is no message of the CM",
		[ROCE_CM_BAD_INFO] = "the additional information is longer than its place",
		[ROCE_CM_BAD_PRIVATE] = "the private data is longer than its place",
	};

	return error < ROCE_CM_ERRORS ? text[error] : "unknown error";
}

const char *roce_cm_reason_str(uint16_t reason)
{
	static const char *const text[] = {
		[ROCE_REJ_NO_QP] = "no queue pair available",
		[ROCE_REJ_NO_EEC] = "no end-to-end context available",
		[ROCE_REJ_NO_RESOURCES] = "no resources available",
		[ROCE_REJ_TIMEOUT] = "timeout",
		[ROCE_REJ_UNSUPPORTED_REQUEST] = "unsupported request",
		[ROCE_REJ_INVALID_COMM_ID] = "invalid communication id",
		[ROCE_REJ_INVALID_COMM_INSTANCE] = "invalid communication instance",
		[ROCE_REJ_INVALID_SERVICE_ID] = "invalid service id",
		[ROCE_REJ_INVALID_TRANSPORT_TYPE] = "invalid transport service type",
		[ROCE_REJ_STALE_CONNECTION] = "stale connection",
		[ROCE_REJ_NO_RDC] = "reliable datagram channel does not exist",
		[ROCE_REJ_PRIMARY_GID] = "primary remote port GID rejected",
		[ROCE_REJ_PRIMARY_LID] = "primary remote port LID rejected",
		[ROCE_REJ_PRIMARY_SL] = "invalid primary service level",
		[ROCE_REJ_PRIMARY_TRAFFIC_CLASS] = "invalid primary traffic class",
		[ROCE_REJ_PRIMARY_HOP_LIMIT] = "invalid primary hop limit",
		[ROCE_REJ_PRIMARY_PACKET_RATE] = "invalid primary packet rate",
		[ROCE_REJ_ALTERNATE_GID] = "alternate remote port GID rejected",
		[ROCE_REJ_ALTERNATE_LID] = "alternate remote port LID rejected",
		[ROCE_REJ_ALTERNATE_SL] = "invalid alternate service level",
		[ROCE_REJ_ALTERNATE_TRAFFIC_CLASS] = "invalid alternate traffic class",
		[ROCE_REJ_ALTERNATE_HOP_LIMIT] = "invalid alternate hop limit",
		[ROCE_REJ_ALTERNATE_PACKET_RATE] = "invalid alternate packet rate",
		[ROCE_REJ_CM_REDIRECT] = "port and communication manager redirection",
		[ROCE_REJ_PORT_REDIRECT] = "port redirection",
		[ROCE_REJ_INVALID_MTU] = "invalid path MTU",
		[ROCE_REJ_RESPONDER_RESOURCES] = "insufficient responder resources",
		[ROCE_REJ_CONSUMER] = "rejected by the consumer",
		[ROCE_REJ_RNR_RETRY] = "RNR retry count rejected",
		[ROCE_REJ_DUPLICATE_COMM_ID] = "duplicate local communication id",
		[ROCE_REJ_CLASS_VERSION] = "unsupported class version",
		[ROCE_REJ_PRIMARY_FLOW_LABEL] = "invalid primary flow label",
		[ROCE_REJ_ALTERNATE_FLOW_LABEL] = "invalid alternate flow label",
		[ROCE_REJ_VENDOR_OPTION] = "vendor option not supported",
	};

	if (reason >= N(text) || text[reason] == NULL)
		return "unknown reason";
	return text[reason];
}

uint8_t roce_cm_mtu_code(unsigned bytes)
{
	uint8_t code = 0;

	while (code < 5 && roce_cm_mtu_bytes(code + 1) <= bytes)
		code++;
	return code;
}

uint8_t roce_cm_timeout_exponent(uint64_t ns)
{
	uint8_t exponent = 0;

	while (exponent < 31 && roce_cm_timeout_ns(exponent) < ns)
		exponent++;
	return exponent;
}

/* ---- RDMA IP CM service ---- */

#define IP_SERVICE UINT64_C(0x0000000001000000)

uint64_t roce_cm_service_id(uint8_t protocol, uint16_t port)
{
	return IP_SERVICE | (uint64_t)protocol << 16 | port;
}

bool roce_cm_service_port(uint64_t service_id, uint8_t *protocol, uint16_t *port)
{
	*protocol = (uint8_t)(service_id >> 16);
	*port = (uint16_t)service_id;
	return (service_id & ~UINT64_C(0xffffff)) == IP_SERVICE;
}

static void get_address(uint8_t ip[16], const uint8_t *place, uint8_t version)
{
	if (version == 6)
		memcpy(ip, place, 16);
	else
		memcpy(ip, place + 12, 4);
}

static void put_address(uint8_t *place, const uint8_t ip[16], uint8_t version)
{
	if (version == 6)
		memcpy(place, ip, 16);
	else
		memcpy(place + 12, ip, 4);
}

bool roce_cm_ip_decode(struct roce_cm_ip *ip, const uint8_t *data, size_t len)
{
	memset(ip, 0, sizeof(*ip));
	if (len < ROCE_CM_IP_LEN)
		return false;
	ip->major = data[0] >> 4;
	ip->minor = data[0] & 0xf;
	ip->version = data[1] >> 4;
	ip->port = roce_get16(data + 2);
	if (ip->major != 0 || (ip->version != 4 && ip->version != 6))
		return false;
	get_address(ip->from, data + 4, ip->version);
	get_address(ip->to, data + 20, ip->version);
	return true;
}

void roce_cm_ip_encode(const struct roce_cm_ip *ip, uint8_t data[ROCE_CM_IP_LEN])
{
	memset(data, 0, ROCE_CM_IP_LEN);
	data[0] = (uint8_t)(ip->major << 4 | (ip->minor & 0xf));
	data[1] = (uint8_t)(ip->version << 4);
	roce_put16(data + 2, ip->port);
	put_address(data + 4, ip->from, ip->version);
	put_address(data + 20, ip->to, ip->version);
}
