/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CM's datagrams bit by bit: each bit of each message is read and written to
 * its own place, or is one of those that the specification reserves. Where the
 * fields are is the business of test-kernel.c and tshark.
 */
#include "hw/roce/cm-wire.h"

#include <glib.h>
#include <string.h>

/* info_at: where the length of additional information is, shifted; 0: none. */
static const struct {
	uint16_t kind;
	unsigned reserved; /* bits */
	size_t private_len;
	uint8_t info_at, shift;
} messages[] = {
	{ ROCE_CM_REQ, 32 + 12 + 11, 92, 0, 0 },
	{ ROCE_CM_MRA, 6 + 3, 222, 0, 0 },
	{ ROCE_CM_REJ, 6 + 1, 148, 24 + 9, 1 },
	{ ROCE_CM_REP, 3 * 8 + 4, 196, 0, 0 },
	{ ROCE_CM_RTU, 0, 224, 0, 0 },
	{ ROCE_CM_DREQ, 8, 220, 0, 0 },
	{ ROCE_CM_DREP, 0, 224, 0, 0 },
	{ ROCE_CM_SIDR_REQ, 16, 216, 0, 0 },
	{ ROCE_CM_SIDR_REP, 16 + 8, 136, 24 + 5, 0 },
	{ ROCE_CM_LAP, 32 + 3 + 32 + 4 + 2 + 3 + 3, 168, 0, 0 },
	{ ROCE_CM_APR, 16, 148, 24 + 8, 0 },
};

static void make_head(uint8_t mad[ROCE_MAD_LEN], uint16_t kind)
{
	struct roce_cm cm = { 0 };

	roce_cm_head(&cm, (enum roce_cm_kind)kind, 0x1122334455667788);
	g_assert_cmpint(roce_cm_encode(&cm, mad), ==, ROCE_CM_OK);
}

static unsigned reserved_bits(unsigned i)
{
	uint8_t mad[ROCE_MAD_LEN], back[ROCE_MAD_LEN];
	unsigned reserved = 0;

	make_head(mad, messages[i].kind);
	if (messages[i].info_at > 0)
		mad[messages[i].info_at] = ROCE_CM_INFO_MAX << messages[i].shift;
	for (unsigned bit = ROCE_MAD_HEAD_LEN * 8; bit < ROCE_MAD_LEN * 8; bit++) {
		const uint8_t mask = (uint8_t)(1 << bit % 8), at = (uint8_t)(bit / 8);
		enum roce_cm_error want = ROCE_CM_OK;
		struct roce_cm cm;

		mad[at] ^= mask;
		if (at == messages[i].info_at && mad[at] >> messages[i].shift > ROCE_CM_INFO_MAX)
			want = ROCE_CM_BAD_INFO;
		g_assert_cmpint(roce_cm_decode(&cm, mad, sizeof(mad)), ==, want);
		if (want == ROCE_CM_OK) {
			g_assert_cmpint(roce_cm_encode(&cm, back), ==, ROCE_CM_OK);
			if (back[at] != mad[at]) {
				back[at] ^= mask;
				reserved++;
			}
			g_assert_cmpmem(back, sizeof(back), mad, sizeof(mad));
		}
		mad[at] ^= mask;
	}
	return reserved;
}

static void test_bits(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(messages); i++) {
		g_test_message("%s", roce_cm_name(messages[i].kind));
		g_assert_cmpuint(reserved_bits(i), ==, messages[i].reserved);
		g_assert_cmpuint(roce_cm_private_max(messages[i].kind), ==,
				 messages[i].private_len);
	}
}

static void expect(const uint8_t *mad, size_t len, enum roce_cm_error want)
{
	g_autofree uint8_t *exact = g_memdup2(mad, MAX(len, 1));
	struct roce_cm cm;
	const enum roce_cm_error got = roce_cm_decode(&cm, exact, len);

	if (got != want)
		g_error("\"%s\", not \"%s\"", roce_cm_error_str(got), roce_cm_error_str(want));
	if (len == ROCE_MAD_LEN)
		g_assert_cmphex(cm.mad.tid, ==, 0x1122334455667788);
}

static void test_head(void)
{
	/* A byte of the header that has one good value. */
	static const struct {
		uint8_t at, good;
		enum roce_cm_error error;
	} bytes[] = {
		{ 0, 1, ROCE_CM_BAD_BASE },	  { 1, 7, ROCE_CM_BAD_CLASS },
		{ 2, 2, ROCE_CM_BAD_VERSION },	  { 3, 3, ROCE_CM_BAD_METHOD },
		{ 16, 0, ROCE_CM_BAD_ATTRIBUTE },
	};
	uint8_t mad[ROCE_MAD_LEN + 1] = { 0 };

	make_head(mad, ROCE_CM_RTU);
	for (size_t len = 0; len < ROCE_MAD_LEN; len++)
		expect(mad, len, ROCE_CM_BAD_LENGTH);
	expect(mad, ROCE_MAD_LEN + 1, ROCE_CM_BAD_LENGTH);
	for (unsigned value = 0; value < 256; value++) {
		const bool known = value >= 0x10 && value <= 0x1a;

		for (size_t i = 0; i < G_N_ELEMENTS(bytes); i++) {
			mad[bytes[i].at] = (uint8_t)value;
			expect(mad, ROCE_MAD_LEN,
			       value == bytes[i].good ? ROCE_CM_OK : bytes[i].error);
			mad[bytes[i].at] = bytes[i].good;
		}
		mad[17] = (uint8_t)value;
		expect(mad, ROCE_MAD_LEN, known ? ROCE_CM_OK : ROCE_CM_BAD_ATTRIBUTE);
		g_assert_true((roce_cm_name((uint16_t)value) != NULL) == known);
		mad[17] = ROCE_CM_RTU;
	}
	g_assert_cmpuint(roce_cm_private_max(0x110), ==, 0);
}

/* A rejection as an administrator's tool would show it. */
static void test_reject(void)
{
	static const uint8_t info[] = { 1, 2, 3 }, private_data[148] = { [147] = 0xee };
	struct roce_cm cm = { .rej = { .local_id = 1,
				       .remote_id = 2,
				       .about = ROCE_CM_ABOUT_REP,
				       .reason = ROCE_REJ_CONSUMER },
			      .private_data = private_data,
			      .private_len = sizeof(private_data),
			      .info = info,
			      .info_len = sizeof(info) };
	uint8_t mad[ROCE_MAD_LEN];
	struct roce_cm back;

	roce_cm_head(&cm, ROCE_CM_REJ, 9);
	g_assert_cmpint(roce_cm_encode(&cm, mad), ==, ROCE_CM_OK);
	g_assert_cmphex(mad[24 + 8], ==, 0x40);
	g_assert_cmphex(mad[24 + 9], ==, 3 << 1);
	g_assert_cmphex(mad[24 + 11], ==, 28);
	g_assert_cmphex(mad[255], ==, 0xee);
	g_assert_cmpuint(roce_cm_local_id(mad), ==, 1);
	g_assert_cmpint(roce_cm_decode(&back, mad, sizeof(mad)), ==, ROCE_CM_OK);
	g_assert_cmpmem(back.info, back.info_len, info, sizeof(info));
	g_assert_cmpmem(back.private_data, back.private_len, private_data, sizeof(private_data));
	g_assert_cmpuint(back.rej.about, ==, ROCE_CM_ABOUT_REP);
	g_assert_cmpstr(roce_cm_reason_str(back.rej.reason), ==, "rejected by the consumer");
}

/* What does not fit is refused, and nothing written. */
static void test_encode_refuses(void)
{
	static const uint8_t much[ROCE_MAD_LEN];
	uint8_t mad[ROCE_MAD_LEN] = { 0xaa };

	for (unsigned i = 0; i < G_N_ELEMENTS(messages); i++) {
		struct roce_cm cm = { .private_data = much, .info = much };
		const size_t info_max = messages[i].info_at > 0 ? ROCE_CM_INFO_MAX : 0;

		roce_cm_head(&cm, (enum roce_cm_kind)messages[i].kind, 0);
		cm.private_len = messages[i].private_len + 1;
		g_assert_cmpint(roce_cm_encode(&cm, mad), ==, ROCE_CM_BAD_PRIVATE);
		cm.private_len--;
		cm.info_len = info_max + 1;
		g_assert_cmpint(roce_cm_encode(&cm, mad), ==, ROCE_CM_BAD_INFO);
		cm.info_len = info_max;
		cm.mad.attribute = 0x1b;
		g_assert_cmpint(roce_cm_encode(&cm, mad), ==, ROCE_CM_BAD_ATTRIBUTE);
		g_assert_cmphex(mad[0], ==, 0xaa);
		cm.mad.attribute = messages[i].kind;
		g_assert_cmpint(roce_cm_encode(&cm, mad), ==, ROCE_CM_OK);
		mad[0] = 0xaa;
	}
}

static void test_numbers(void)
{
	static const unsigned mtu[] = { 0, 256, 512, 1024, 2048, 4096, 0, 0 };
	uint8_t protocol;
	uint16_t port;

	for (uint8_t code = 0; code < 8; code++) {
		g_assert_cmpuint(roce_cm_mtu_bytes(code), ==, mtu[code]);
		if (mtu[code] == 0)
			continue;
		g_assert_cmpuint(roce_cm_mtu_code(mtu[code]), ==, code);
		g_assert_cmpuint(roce_cm_mtu_code(mtu[code] - 1), ==, code - 1);
	}
	g_assert_cmpuint(roce_cm_mtu_code(9000), ==, 5);
	g_assert_cmpuint(roce_cm_timeout_ns(0), ==, 4096);
	g_assert_cmpuint(roce_cm_timeout_ns(20), ==, UINT64_C(4294967296));
	for (uint8_t e = 0; e < 32; e++) {
		g_assert_cmpuint(roce_cm_timeout_exponent(roce_cm_timeout_ns(e)), ==, e);
		g_assert_cmpuint(roce_cm_timeout_exponent(roce_cm_timeout_ns(e) + 1), ==,
				 MIN(e + 1, 31));
	}
	g_assert_cmpuint(roce_cm_timeout_exponent(0), ==, 0);
	g_assert_cmpuint(roce_cm_timeout_exponent(UINT64_MAX), ==, 31);
	g_assert_cmphex(roce_cm_service_id(ROCE_IP_PROTO_TCP, 4420), ==, 0x0000000001061144);
	g_assert_true(roce_cm_service_port(0x0000000001061144, &protocol, &port));
	g_assert_cmpuint(protocol, ==, 6);
	g_assert_cmpuint(port, ==, 4420);
	g_assert_false(roce_cm_service_port(0x0000000002061144, &protocol, &port));
	g_assert_false(roce_cm_service_port(0x0100000001061144, &protocol, &port));
}

static void test_texts(void)
{
	unsigned known = 0;

	for (uint16_t reason = 0; reason < 256; reason++) {
		const char *text = roce_cm_reason_str(reason);

		known += strcmp(text, "unknown reason") != 0;
		for (uint16_t other = 1; other < reason && known > 0; other++)
			g_assert_true(strcmp(text, roce_cm_reason_str(other)) != 0 ||
				      strcmp(text, "unknown reason") == 0);
	}
	g_assert_cmpuint(known, ==, 34);
	for (int i = 1; i < ROCE_CM_ERRORS; i++)
		g_assert_cmpstr(roce_cm_error_str((enum roce_cm_error)i), !=,
				roce_cm_error_str((enum roce_cm_error)(i - 1)));
	g_assert_cmpstr(roce_cm_error_str(ROCE_CM_ERRORS), ==, "unknown error");
}

static void test_ip(void)
{
	struct roce_cm_ip ip = { .version = 4, .port = 0x1234 }, back;
	uint8_t data[ROCE_CM_IP_LEN + 8] = { 0 };

	memcpy(ip.from, "\xc0\0\2\1", 4);
	memcpy(ip.to, "\xc0\0\2\2", 4);
	roce_cm_ip_encode(&ip, data);
	g_assert_cmpmem(data, 4, "\0\x40\x12\x34", 4);
	for (int i = 4; i < 16; i++)
		g_assert_cmphex(data[i] | data[i + 16], ==, 0);
	g_assert_cmpmem(data + 16, 4, "\xc0\0\2\1", 4);
	g_assert_cmpmem(data + 32, 4, "\xc0\0\2\2", 4);
	g_assert_true(roce_cm_ip_decode(&back, data, sizeof(data)));
	g_assert_cmpmem(&back, sizeof(back), &ip, sizeof(ip));

	for (size_t len = 0; len < ROCE_CM_IP_LEN; len++)
		g_assert_false(roce_cm_ip_decode(&back, data, len));
	for (unsigned version = 0; version < 16; version++) {
		data[1] = (uint8_t)(version << 4);
		g_assert_true(roce_cm_ip_decode(&back, data, ROCE_CM_IP_LEN) ==
			      (version == 4 || version == 6));
	}
	data[1] = 0x60;
	memset(data + 4, 0x11, 16);
	g_assert_true(roce_cm_ip_decode(&back, data, ROCE_CM_IP_LEN));
	g_assert_cmpmem(back.from, 16, data + 4, 16);
	g_assert_cmpmem(back.to, 16, data + 20, 16);
	data[0] = 0x10;
	g_assert_false(roce_cm_ip_decode(&back, data, ROCE_CM_IP_LEN));
	data[0] = 0x05;
	g_assert_true(roce_cm_ip_decode(&back, data, ROCE_CM_IP_LEN));
	g_assert_cmpuint(back.minor, ==, 5);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/roce/cm/bits", test_bits);
	g_test_add_func("/roce/cm/head", test_head);
	g_test_add_func("/roce/cm/reject", test_reject);
	g_test_add_func("/roce/cm/encode-refuses", test_encode_refuses);
	g_test_add_func("/roce/cm/numbers", test_numbers);
	g_test_add_func("/roce/cm/texts", test_texts);
	g_test_add_func("/roce/cm/ip", test_ip);
	return g_test_run();
}
