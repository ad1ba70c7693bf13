/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The invariant CRC. ISA-L's CRC-32 has carry-less multiplication on x86-64 and
 * aarch64; it inverts before and after, so that calls chain.
 */
#include "hw/roce/icrc.h"

#include <isa-l/crc.h>
#include <string.h>

#include "hw/roce/bytes.h"

#define LINK_LEN 8
#define IP4_LEN 20
#define IP6_LEN 40
#define UDP_LEN 8
#define IP_PROTO_UDP 17

static uint32_t crc32(uint32_t crc, const void *data, size_t len)
{
	return len > 0 ? crc32_gzip_refl(crc, data, len) : crc;
}

/* Masks the headers of a packet that stand behind head's eight bytes of ones. */
static void mask(uint8_t *ip, bool v6)
{
	if (v6) {
		ip[0] |= 0x0f;
		memset(ip + 1, 0xff, 3);
		ip[7] = 0xff;
		memset(ip + IP6_LEN + 6, 0xff, 2);
	} else {
		ip[1] = 0xff;
		ip[8] = 0xff;
		memset(ip + 10, 0xff, 2);
		memset(ip + IP4_LEN + 6, 0xff, 2);
	}
}

static bool is_v6(const struct roce_icrc_flow *flow)
{
	return flow->len == LINK_LEN + IP6_LEN + UDP_LEN;
}

void roce_icrc_flow_init(struct roce_icrc_flow *flow, const struct net_addr *from,
			 const struct net_addr *to)
{
	const bool v6 = from->family == NET_INET6;
	const size_t addr_len = v6 ? 16 : 4, ip_len = v6 ? IP6_LEN : IP4_LEN;
	uint8_t *ip = flow->head + LINK_LEN, *udp = ip + ip_len;

	g_assert(from->family == to->family && from->family != NET_UNIX);
	memset(flow, 0, sizeof(*flow));
	memset(flow->head, 0xff, LINK_LEN);
	ip[0] = v6 ? 0x60 : 0x45;
	if (v6) {
		ip[6] = IP_PROTO_UDP;
	} else {
		ip[9] = IP_PROTO_UDP;
		roce_put16(ip + 6, ROCE_IP_DF);
	}
	memcpy(udp - 2 * addr_len, from->ip, addr_len);
	memcpy(udp - addr_len, to->ip, addr_len);
	roce_put16(udp, from->port);
	roce_put16(udp + 2, to->port);
	mask(ip, v6);
	flow->len = (uint8_t)(LINK_LEN + ip_len + UDP_LEN);
}

void roce_icrc_flow_set_id(struct roce_icrc_flow *flow, uint16_t id, uint16_t flags)
{
	if (is_v6(flow))
		return;
	roce_put16(flow->head + LINK_LEN + 4, id);
	roce_put16(flow->head + LINK_LEN + 6, flags);
}

/* udp_len: of the datagram, its header included. */
static void put_lengths(const struct roce_icrc_flow *flow, uint8_t *head, size_t udp_len)
{
	uint8_t *ip = head + LINK_LEN;

	/* IPv6 counts what comes behind its header, IPv4 the header too. */
	if (is_v6(flow))
		roce_put16(ip + 4, (uint16_t)udp_len);
	else
		roce_put16(ip + 2, (uint16_t)(IP4_LEN + udp_len));
	roce_put16(head + flow->len - 4, (uint16_t)udp_len);
}

/* Everything up to the end of the BTH. len: the datagram's, without its header. */
static uint32_t crc_head(const struct roce_icrc_flow *flow, const uint8_t *bth, size_t len)
{
	uint8_t head[ROCE_ICRC_HEAD_MAX + ROCE_BTH_LEN];

	memcpy(head, flow->head, flow->len);
	put_lengths(flow, head, UDP_LEN + len);
	memcpy(head + flow->len, bth, ROCE_BTH_LEN);
	head[flow->len + 4] = 0xff;
	return crc32(0, head, (size_t)flow->len + ROCE_BTH_LEN);
}

uint32_t roce_icrc(const struct roce_icrc_flow *flow, const struct iovec *iov, int n)
{
	const uint8_t *first = iov[0].iov_base;
	uint32_t crc = crc_head(flow, first, roce_iov_len(iov, n) + ROCE_ICRC_LEN);

	crc = crc32(crc, first + ROCE_BTH_LEN, iov[0].iov_len - ROCE_BTH_LEN);
	for (int i = 1; i < n; i++)
		crc = crc32(crc, iov[i].iov_base, iov[i].iov_len);
	return crc;
}

void roce_frame_seal(struct roce_frame *f, const struct roce_icrc_flow *flow,
		     const struct iovec *payload, int n)
{
	const size_t len = f->head_len + roce_iov_len(payload, n) + f->tail_len;
	const size_t pad = f->tail_len - ROCE_ICRC_LEN;
	uint32_t crc = crc_head(flow, f->head, len);

	crc = crc32(crc, f->head + ROCE_BTH_LEN, f->head_len - ROCE_BTH_LEN);
	for (int i = 0; i < n; i++)
		crc = crc32(crc, payload[i].iov_base, payload[i].iov_len);
	crc = crc32(crc, f->tail, pad);
	roce_put32le(f->tail + pad, crc);
}

void roce_packet_seal(void *packet, size_t len, const struct roce_icrc_flow *flow)
{
	const struct iovec iov = { packet, len - ROCE_ICRC_LEN };

	roce_put32le((uint8_t *)packet + iov.iov_len, roce_icrc(flow, &iov, 1));
}

bool roce_icrc_good(const struct roce_icrc_flow *flow, const void *packet, size_t len)
{
	struct iovec iov = { (void *)packet, len - ROCE_ICRC_LEN };

	if (len < ROCE_PACKET_MIN)
		return false;
	return roce_icrc(flow, &iov, 1) == roce_get32le((const uint8_t *)packet + iov.iov_len);
}

/* ---- identifications that are not known ---- */

#define POLYNOMIAL 0xedb88320u /* the bit of x^0 is the highest */
/* From the end of the identification and flags to the BTH. */
#define BEHIND_ID (IP4_LEN - 8 + UDP_LEN)

/* x to the power of the bits behind the identification and of its own four bytes, and -1 of that.
 */
struct roce_icrc_ids {
	uint32_t n;
	struct {
		uint32_t forth, back;
	} of[]; /* by length, without the ICRC */
};

static uint32_t times_x(uint32_t a)
{
	return a >> 1 ^ (a & 1 ? POLYNOMIAL : 0);
}

static uint32_t over_x(uint32_t a)
{
	return a >> 31 ? (a ^ POLYNOMIAL) << 1 | 1 : a << 1;
}

/* The product of two polynomials, modulo the CRC's. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (uint32_t bit = 1u << 31; bit > 0; bit >>= 1) {
		product ^= b & -(uint32_t)((a & bit) != 0);
		b = times_x(b);
	}
	return product;
}

struct roce_icrc_ids *roce_icrc_ids_new(size_t max_len)
{
	struct roce_icrc_ids *ids = g_malloc(sizeof(*ids) + (max_len + 1) * sizeof(ids->of[0]));
	uint32_t forth = 1u << 31, back = forth;

	ids->n = (uint32_t)max_len + 1;
	for (unsigned bit = 0; bit < 32 + 8 * BEHIND_ID; bit++) {
		forth = times_x(forth);
		back = over_x(back);
	}
	for (uint32_t len = 0; len < ids->n; len++) {
		ids->of[len].forth = forth;
		ids->of[len].back = back;
		for (unsigned bit = 0; bit < 8; bit++) {
			forth = times_x(forth);
			back = over_x(back);
		}
	}
	return ids;
}

void roce_icrc_ids_free(struct roce_icrc_ids *ids)
{
	g_free(ids);
}

bool roce_icrc_good_any_id(const struct roce_icrc_ids *ids, const struct roce_icrc_flow *flow,
			   const void *packet, size_t len)
{
	const size_t body = len - ROCE_ICRC_LEN;
	const struct iovec iov = { (void *)packet, body };
	uint32_t difference;

	if (len < ROCE_PACKET_MIN || body >= ids->n)
		return false;
	difference = roce_icrc(flow, &iov, 1) ^ roce_get32le((const uint8_t *)packet + body);
	if (difference == 0)
		return true;
	/* As little-endian bytes: what is different in the identification, then in the flags. */
	difference = multiply(difference, ids->of[body].back);
	return (difference >> 16 & ~(uint32_t)(ROCE_IP_DF >> 8)) == 0;
}

uint32_t roce_icrc_id_change(const struct roce_icrc_ids *ids, uint16_t change, size_t len)
{
	const uint32_t bytes = (uint32_t)(change >> 8 | (change & 0xff) << 8);

	return multiply(bytes, ids->of[len - ROCE_ICRC_LEN].forth);
}

/* ---- whole IP packets ---- */

/* Checks the IP header. Returns its length in *ip_len, the packet's in *len. */
static enum roce_ip_error check_ip(const uint8_t *ip, size_t *len, size_t *ip_len)
{
	size_t total;

	if (*len < IP4_LEN)
		return ROCE_IP_CUT;
	if (ip[0] == 0x45) {
		*ip_len = IP4_LEN;
		total = roce_get16(ip + 2);
		if ((roce_get16(ip + 6) & 0x3fff) != 0)
			return ROCE_IP_FRAGMENT;
		if (ip[9] != IP_PROTO_UDP)
			return ROCE_IP_NOT_UDP;
	} else if (ip[0] >> 4 == 6) {
		*ip_len = IP6_LEN;
		if (*len < IP6_LEN)
			return ROCE_IP_CUT;
		total = IP6_LEN + roce_get16(ip + 4);
		if (ip[6] != IP_PROTO_UDP)
			return ROCE_IP_NOT_UDP;
	} else {
		return ROCE_IP_OTHER;
	}
	if (total > *len || total < *ip_len + UDP_LEN)
		return ROCE_IP_CUT;
	*len = total;
	return ROCE_IP_OK;
}

enum roce_ip_error roce_ip_check(const void *packet, size_t len, size_t *at, size_t *udp_len)
{
	const uint8_t *ip = packet;
	struct roce_icrc_flow flow;
	enum roce_ip_error error;
	size_t ip_len;

	*at = *udp_len = 0;
	error = check_ip(ip, &len, &ip_len);
	if (error != ROCE_IP_OK)
		return error;
	if (roce_get16(ip + ip_len + 4) != len - ip_len)
		return ROCE_IP_BAD_LENGTH;
	*at = ip_len + UDP_LEN;
	*udp_len = len - *at;
	if (*udp_len < ROCE_PACKET_MIN)
		return ROCE_IP_TOO_SHORT;
	memset(flow.head, 0xff, LINK_LEN);
	memcpy(flow.head + LINK_LEN, ip, *at);
	mask(flow.head + LINK_LEN, ip_len == IP6_LEN);
	flow.len = (uint8_t)(LINK_LEN + *at);
	return roce_icrc_good(&flow, ip + *at, *udp_len) ? ROCE_IP_OK : ROCE_IP_BAD_ICRC;
}

const char *roce_ip_error_str(enum roce_ip_error error)
{
	static const char *const text[] = {
		[ROCE_IP_OK] = "no error",
		[ROCE_IP_CUT] = "the packet is shorter than its headers say",
		[ROCE_IP_OTHER] = "neither IPv4 without options nor IPv6",
		[ROCE_IP_FRAGMENT] = "a fragment",
		[ROCE_IP_NOT_UDP] = "not UDP right behind the IP header",
		[ROCE_IP_BAD_LENGTH] = "the UDP length does not fit the IP length",
		[ROCE_IP_TOO_SHORT] = "the datagram is shorter than a BTH and an ICRC",
		[ROCE_IP_BAD_ICRC] = "the ICRC is wrong",
	};

	return (unsigned)error < G_N_ELEMENTS(text) ? text[error] : "unknown error";
}
