/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The monitor of reliable connections finds what it is there for: what was said in a good
 * conversation is told to it once more, with one thing about it wrong.
 */
#include <string.h>

#include "hw/roce/icrc.h"
#include "sim/oracle/wire-rc-duty.h"
#include "tests/unit/sim/talk.h"

#define AT (14 + 20 + 8) /* of the BTH */

struct frame {
	bool sent;
	uint64_t now;
	uint32_t len;
	uint8_t bytes[9000];
};

struct script {
	struct world_roce_tap tap;
	GPtrArray *frames;
};

static void record(struct world_roce_tap *tap, const struct world_node *node, bool sent,
		   const uint8_t *frame, uint32_t len, uint64_t now)
{
	struct frame *f = g_new0(struct frame, 1);

	(void)node;
	*f = (struct frame){ .sent = sent, .now = now, .len = len };
	memcpy(f->bytes, frame, len);
	g_ptr_array_add(((struct script *)tap)->frames, f);
}

static void script_open(struct script *s)
{
	struct talk t;

	*s = (struct script){ .tap = { record, NULL },
			      .frames = g_ptr_array_new_with_free_func(g_free) };
	talk_up(&t, 21, NULL);
	world_roce_tap_add(t.world, &s->tap);
	talk_start(&t, 40);
	g_assert_true(talk_wait(&t, WORLD_SEC));
	world_roce_tap_remove(t.world, &s->tap);
	talk_down(&t);
}

static void script_close(struct script *s)
{
	g_ptr_array_free(s->frames, TRUE);
}

static struct frame *frame_at(const struct script *s, unsigned i)
{
	return s->frames->pdata[i];
}

/* The nth frame sent with an opcode between these. */
static unsigned find(const struct script *s, uint8_t from, uint8_t to, unsigned nth)
{
	for (unsigned i = 0; i < s->frames->len; i++) {
		const struct frame *f = frame_at(s, i);

		if (f->sent && f->bytes[AT] >= from && f->bytes[AT] <= to && nth-- == 0)
			return i;
	}
	g_assert_not_reached();
}

static void hears(void *arg, char *text)
{
	GPtrArray *texts = arg;

	g_ptr_array_add(texts, text);
}

static bool deny(void *arg, const uint8_t host[16], uint32_t qpn, uint32_t rkey, uint64_t va,
		 uint32_t len, bool write)
{
	(void)host;
	(void)qpn;
	(void)rkey;
	(void)va;
	(void)len;
	return write != *(const bool *)arg;
}

/* Plays it; all complaints, "" when there is none. */
static char *play(const struct script *s, bool *denied)
{
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	struct oracle_rc *o = oracle_rc_new(hears, texts);
	GString *all = g_string_new(NULL);

	if (denied)
		oracle_rc_memory(o, deny, denied);
	for (unsigned i = 0; i < s->frames->len; i++) {
		const struct frame *f = frame_at(s, i);

		oracle_rc_frame(o, f->sent, f->bytes, f->len, f->now);
	}
	oracle_rc_free(o);
	for (unsigned i = 0; i < texts->len; i++)
		g_string_append_printf(all, "%s\n", (const char *)texts->pdata[i]);
	return g_string_free(all, FALSE);
}

static void expect(const struct script *s, bool *denied, const char *part)
{
	g_autofree char *text = play(s, denied);

	if (strstr(text, part) == NULL)
		g_error("\"%s\" is not said, but \"%s\"", part, text);
}

static void seal(struct frame *f)
{
	struct roce_icrc_flow flow;
	struct net_addr from = { .family = NET_INET }, to = { .family = NET_INET };
	const uint8_t *ip = f->bytes + 14;

	memcpy(from.ip, ip + 12, 4);
	memcpy(to.ip, ip + 16, 4);
	from.port = (uint16_t)(ip[20] << 8 | ip[21]);
	to.port = (uint16_t)(ip[22] << 8 | ip[23]);
	roce_icrc_flow_init(&flow, &from, &to);
	roce_packet_seal(f->bytes + AT, f->len - AT, &flow);
}

/* Adds to a number of three bytes. */
static void add(struct frame *f, unsigned at, int by)
{
	uint8_t *p = f->bytes + AT + at;
	uint32_t v = ((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]) + (uint32_t)by;

	p[0] = (uint8_t)(v >> 16);
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)v;
	seal(f);
}

static void put(struct frame *f, unsigned at, uint8_t v)
{
	f->bytes[AT + at] = v;
	seal(f);
}

/* It is sent once more at place i of the script. */
static struct frame *again(struct script *s, const struct frame *f, unsigned i)
{
	struct frame *copy = g_new(struct frame, 1);

	*copy = *f;
	g_ptr_array_insert(s->frames, (gint)i, copy);
	return copy;
}

#define ACK 0x11

static void left_out(struct script *s)
{
	g_ptr_array_remove_index(s->frames, find(s, 0, 0x0b, 20));
}

static void acknowledged(struct script *s)
{
	again(s, frame_at(s, find(s, 0, 0x0b, 2)), find(s, 0, 0x0b, 200));
}

static void other_bytes(struct script *s)
{
	unsigned i = find(s, 0x01, 0x01, 3);
	struct frame *copy = again(s, frame_at(s, i), i + 1);

	copy->bytes[AT + 100] ^= 1;
	seal(copy);
}

static void too_often(struct script *s)
{
	unsigned i = find(s, 0x01, 0x01, 3);

	for (unsigned n = 0; n < 10; n++)
		again(s, frame_at(s, i), i + 1);
}

static void other_part(struct script *s)
{
	put(frame_at(s, find(s, 0x00, 0x00, 3)), 0, 0x01);
}

static void other_length(struct script *s)
{
	struct frame *f = frame_at(s, find(s, 0x06, 0x06, 1));

	f->bytes[AT + 12 + 15] ^= 1;
	seal(f);
}

static void not_come(struct script *s)
{
	add(frame_at(s, find(s, ACK, ACK, 3)), 9, 2000);
}

static void less_than_before(struct script *s)
{
	add(frame_at(s, find(s, ACK, ACK, 6)), 9, -1000);
}

static void too_many_messages(struct script *s)
{
	add(frame_at(s, find(s, ACK, ACK, 2)), 13, 20);
}

static void behind_gap(struct script *s)
{
	struct frame *f = frame_at(s, find(s, ACK, ACK, 4));

	f->bytes[AT + 12] = 0x60;
	add(f, 9, 700);
}

static void not_asked(struct script *s)
{
	add(frame_at(s, find(s, 0x0d, 0x10, 2)), 9, -100000);
}

static void short_answer(struct script *s)
{
	put(frame_at(s, find(s, 0x0e, 0x0e, 2)), 1, 0x20);
}

static void wrong_answer(struct script *s)
{
	put(frame_at(s, find(s, 0x0f, 0x0f, 1)), 0, 0x10);
}

/* What it asks for after an RNR NAK must wait. */
static void not_ready(struct script *s)
{
	unsigned i = find(s, 0, 0x0b, 30), ack = find(s, ACK, ACK, 0);
	struct frame *nak = again(s, frame_at(s, ack), i), *first = frame_at(s, i + 1);

	nak->sent = false;
	nak->now = first->now;
	nak->bytes[AT + 12] = 0x20;
	memcpy(nak->bytes + AT + 9, first->bytes + AT + 9, 3);
	add(nak, 9, -1);
}

static void after_end(struct script *s)
{
	unsigned i = find(s, 0, 0x0b, 30), ack = find(s, ACK, ACK, 0);
	struct frame *nak = again(s, frame_at(s, ack), i), *first = frame_at(s, i + 1);

	nak->sent = true;
	nak->bytes[AT + 12] = 0x62;
	memcpy(nak->bytes + AT + 9, first->bytes + AT + 9, 3);
	seal(nak);
}

/* An answer of that syndrome to the request of frame i, by more PSNs. */
static struct frame *answer(struct script *s, unsigned i, uint8_t syndrome, int by)
{
	struct frame *a = again(s, frame_at(s, find(s, ACK, ACK, 0)), i + 1);
	const struct frame *request = frame_at(s, i);

	a->sent = true;
	a->now = request->now;
	a->bytes[AT + 12] = syndrome;
	memcpy(a->bytes + AT + 9, request->bytes + AT + 9, 3);
	memset(a->bytes + AT + 13, 0, 3);
	add(a, 9, by);
	return a;
}

/* Its receiver was not ready for the first request, and what follows comes all the same. */
static void goes_on(struct script *s)
{
	answer(s, find(s, 0, 0x0b, 0), 0x20, 0)->sent = false;
}

/* The nth request with that opcode as it is taken. */
static unsigned find_taken(const struct script *s, uint8_t opcode, unsigned nth)
{
	for (unsigned i = 0; i < s->frames->len; i++) {
		const struct frame *f = frame_at(s, i);

		if (!f->sent && f->bytes[AT] == opcode && nth-- == 0)
			return i;
	}
	g_assert_not_reached();
}

static void read_refused(struct script *s)
{
	answer(s, find_taken(s, 0x0c, 0), 0x61, 0);
}

static void access_refused(struct script *s)
{
	answer(s, find_taken(s, 0x0c, 0), 0x62, 0);
}

static void read_not_answered(struct script *s)
{
	answer(s, find_taken(s, 0x0c, 0), 0x1f, 0);
}

static void gap_twice(struct script *s)
{
	unsigned i = find_taken(s, 0x01, 1);

	answer(s, i, 0x60, 1);
	answer(s, i + 1, 0x60, 0);
}

/* It comes again, and again, 30 ms after the other; answers are those that come no more. */
static void never_answered(struct script *s)
{
	unsigned i = find_taken(s, 0x01, 1);

	for (unsigned n = 4; n > 0; n--)
		again(s, frame_at(s, i), i + 1)->now += n * 30 * WORLD_MS;
}

static void gap_not_told(struct script *s)
{
	unsigned i = find_taken(s, 0x01, 1);

	for (unsigned n = 3; n > 0; n--) {
		struct frame *f = again(s, frame_at(s, i), i + 1);

		f->now += n * 30 * WORLD_MS;
		add(f, 9, 5);
	}
}

/* Its RTU becomes a DREQ, which comes twice. */
static void dreq_twice(struct script *s)
{
	unsigned i = find_taken(s, 0x64, 0);

	while (frame_at(s, i)->sent || frame_at(s, i)->bytes[AT] != 0x64 ||
	       frame_at(s, i)->bytes[AT + 20 + 17] != 0x14)
		i++;
	put(frame_at(s, i), 20 + 17, 0x15);
	again(s, frame_at(s, i), i + 1)->now += 30 * WORLD_MS;
}

static void broken(struct script *s)
{
	frame_at(s, find(s, 0x01, 0x01, 0))->bytes[AT + 60] ^= 4;
}

static const struct {
	const char *name;
	void (*change)(struct script *s);
	const char *says;
} cases[] = {
	{ "gap", left_out, "left out" },
	{ "acknowledged", acknowledged, "it has been acknowledged" },
	{ "other-bytes", other_bytes, "not what was sent with this PSN at first" },
	{ "too-often", too_often, "retry without progress" },
	{ "other-part", other_part, "it never began" },
	{ "other-length", other_length, "a WRITE of" },
	{ "not-come", not_come, "acknowledges what has not come" },
	{ "less-than-before", less_than_before, "less than before" },
	{ "too-many-messages", too_many_messages, "messages have come" },
	{ "behind-gap", behind_gap, "behind a gap" },
	{ "not-asked", not_asked, "nobody has asked for it" },
	{ "short-answer", short_answer, "are due" },
	{ "wrong-answer", wrong_answer, "another part of the answer" },
	{ "not-ready", not_ready, "too soon after an RNR NAK" },
	{ "goes-on", goes_on, "goes on behind what its receiver was not ready for" },
	{ "read-refused", read_refused, "it refuses a READ, where 0 of" },
	{ "access-refused", access_refused, "it refuses a READ that a key allows" },
	{ "read-not-answered", read_not_answered, "it answers what came after a READ" },
	{ "gap-twice", gap_twice, "tells the same gap once more" },
	{ "never-answered", never_answered, "times without an answer" },
	{ "gap-not-told", gap_not_told, "a gap before it has not been told" },
	{ "dreq-twice", dreq_twice, "a disconnect request comes again" },
	{ "after-end", after_end, "it speaks after its own NAK" },
	{ "broken", broken, "a wrong ICRC" },
};

static void test_case(gconstpointer arg)
{
	unsigned i = GPOINTER_TO_UINT(arg);
	struct script s;

	script_open(&s);
	cases[i].change(&s);
	expect(&s, NULL, cases[i].says);
	script_close(&s);
}

static void test_good(void)
{
	g_autofree char *text = NULL;
	struct script s;

	script_open(&s);
	text = play(&s, NULL);
	g_assert_cmpstr(text, ==, "");
	script_close(&s);
}

/* No key allows what is read, or what is written. */
static void test_memory(void)
{
	bool reads = false, writes = true;
	struct script s;

	script_open(&s);
	expect(&s, &reads, "it lets memory be read that no key allows");
	expect(&s, &writes, "it has taken a WRITE that no key");
	script_close(&s);
}

/* Duties of time: what is late, and who was away. */
static void test_duties(void)
{
	struct rc_duty d = { 0 };
	g_autofree char *late = NULL;

	rc_duty_not_ready(&d, 7, WORLD_MS, WORLD_SEC);
	g_assert_null(rc_duty_request(&d, 7, WORLD_SEC + 2 * WORLD_MS, 0));
	rc_duty_not_ready(&d, 7, WORLD_MS, WORLD_SEC);
	late = rc_duty_request(&d, 7, WORLD_SEC + 67 * WORLD_MS, 0);
	g_assert_nonnull(strstr(late, "too late"));
	rc_duty_not_ready(&d, 7, WORLD_MS, WORLD_SEC);
	g_assert_null(rc_duty_request(&d, 7, WORLD_SEC + 67 * WORLD_MS, WORLD_SEC + WORLD_MS));
	rc_duty_not_ready(&d, 7, WORLD_MS, WORLD_SEC);
	rc_duty_progress(&d, 8); /* it had come after all */
	g_assert_null(rc_duty_request(&d, 9, WORLD_SEC, 0));

	for (unsigned i = 0; i < 20; i++) {
		g_assert_null(rc_duty_again(&d, 3, i * WORLD_SEC, 0));
		rc_duty_answered(&d);
	}
	for (unsigned i = 0; i < 20; i++)
		g_assert_null(rc_duty_again(&d, 3, i * WORLD_MS, 0)); /* all at once */
	for (unsigned i = 1; i < 20; i++)
		g_assert_null(rc_duty_again(&d, 3, i * WORLD_SEC, i * WORLD_SEC));
	for (unsigned i = 0; i < 20; i++) {
		g_assert_null(rc_duty_dreq(&d, i * WORLD_SEC, 0));
		rc_duty_drep(&d);
	}
	g_assert_null(rc_duty_nak(&d, 5, true));
	g_assert_null(rc_duty_taken(&d, 9, 5, 50 * WORLD_SEC, 0)); /* it has been told */
	g_assert_null(rc_duty_taken(&d, 9, 5, 51 * WORLD_SEC, 0));
	g_assert_null(rc_duty_taken(&d, 5, 5, 52 * WORLD_SEC, 0));
	g_assert_null(rc_duty_nak(&d, 6, true));
}

/* The answer to the first message: who must give it, and who need not. */
static void test_first(void)
{
	static const struct {
		bool ready, back, replied, says;
		uint64_t after, awake;
	} answers[] = {
		{ true, false, false, true, 2 * WORLD_SEC, 0 },
		{ true, false, false, false, WORLD_SEC, 0 },
		{ false, false, false, false, 2 * WORLD_SEC, 0 },
		{ true, true, false, false, 2 * WORLD_SEC, 0 },
		{ true, false, true, false, 2 * WORLD_SEC, 0 },
		{ true, false, false, false, 2 * WORLD_SEC, WORLD_SEC },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
		struct rc_duty d = { 0 };
		g_autofree char *text = NULL;

		rc_duty_first(&d, false, WORLD_SEC);
		if (answers[i].back)
			rc_duty_first(&d, true, WORLD_SEC);
		if (answers[i].ready)
			rc_duty_ready(&d, WORLD_SEC);
		d.replied = answers[i].replied;
		text = rc_duty_left(&d, WORLD_SEC + answers[i].after, answers[i].awake);
		g_assert_cmpint(text != NULL, ==, answers[i].says);
	}
}

/* Who begins anew answers nothing from before. */
static void test_booted(void)
{
	struct script s;
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	struct oracle_rc *o = oracle_rc_new(hears, texts);
	unsigned last;

	script_open(&s);
	last = find_taken(&s, 0x01, 1);
	never_answered(&s);
	for (unsigned i = 0; i <= last + 4; i++) {
		const struct frame *f = frame_at(&s, i);
		uint8_t host[16] = { 0 };

		memcpy(host, f->bytes + 14 + 16, 4);
		if (i == last + 1)
			oracle_rc_booted(o, host);
		oracle_rc_frame(o, f->sent, f->bytes, f->len, f->now);
	}
	g_assert_cmpuint(texts->len, ==, 0);
	oracle_rc_free(o);
	script_close(&s);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/oracle/rc/duties", test_duties);
	g_test_add_func("/oracle/rc/booted", test_booted);
	g_test_add_func("/oracle/rc/first", test_first);
	g_test_add_func("/oracle/rc/good", test_good);
	g_test_add_func("/oracle/rc/memory", test_memory);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *name = g_strdup_printf("/oracle/rc/%s", cases[i].name);

		g_test_add_data_func(name, GUINT_TO_POINTER(i), test_case);
	}
	return g_test_run();
}
