/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a datagram of the CM. Written again from what was read, it is read
 * as the same; and written from that, it is the same bytes.
 *
 * Input: the datagram.
 */
#include <string.h>

#include <glib.h>

#include "hw/roce/cm-wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void within(const uint8_t *part, size_t part_len, const uint8_t *data)
{
	if (part_len > 0)
		g_assert_true(part >= data + ROCE_MAD_HEAD_LEN &&
			      part + part_len <= data + ROCE_MAD_LEN);
}

/* In front of the consumer's private data, where the service is one of IP. */
static void service(uint64_t service_id, const struct roce_cm *cm)
{
	uint8_t again[ROCE_CM_IP_LEN], protocol;
	struct roce_cm_ip ip, back;
	uint16_t port;

	if (roce_cm_service_port(service_id, &protocol, &port))
		g_assert_cmphex(roce_cm_service_id(protocol, port), ==, service_id);
	if (!roce_cm_ip_decode(&ip, cm->private_data, cm->private_len))
		return;
	roce_cm_ip_encode(&ip, again);
	g_assert_true(roce_cm_ip_decode(&back, again, sizeof(again)));
	g_assert_cmpmem(&ip, sizeof(ip), &back, sizeof(back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t again[ROCE_MAD_LEN], third[ROCE_MAD_LEN];
	struct roce_cm cm, back;

	if (roce_cm_decode(&cm, data, len) != ROCE_CM_OK)
		return 0;
	within(cm.private_data, cm.private_len, data);
	within(cm.info, cm.info_len, data);
	g_assert_cmpuint(cm.private_len, ==, roce_cm_private_max(cm.mad.attribute));
	g_assert_nonnull(roce_cm_name(cm.mad.attribute));
	if (cm.mad.attribute == ROCE_CM_REQ)
		service(cm.req.service_id, &cm);
	if (cm.mad.attribute == ROCE_CM_SIDR_REQ)
		service(cm.sidr_req.service_id, &cm);
	if (cm.mad.attribute == ROCE_CM_REJ)
		g_assert_nonnull(roce_cm_reason_str(cm.rej.reason));

	g_assert_cmpint(roce_cm_encode(&cm, again), ==, ROCE_CM_OK);
	g_assert_cmpint(roce_cm_decode(&back, again, sizeof(again)), ==, ROCE_CM_OK);
	g_assert_cmpmem(back.private_data, back.private_len, cm.private_data, cm.private_len);
	g_assert_cmpmem(back.info, back.info_len, cm.info, cm.info_len);
	g_assert_cmpint(roce_cm_encode(&back, third), ==, ROCE_CM_OK);
	g_assert_cmpmem(third, sizeof(third), again, sizeof(again));
	return 0;
}
