/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a queue pair owes its peer, as the monitor (wire-rc.c) sees it: what it must do and
 * until when, next to what it may not do. Positions are the monitor's. Each function says
 * what is wrong (g_free), or NULL.
 *
 *   after an RNR NAK   what was refused is the next to be sent, when the time has come
 *                      that was asked for, and not much later
 *   of a gap           it is told, and once
 *   of repetitions     what comes again and again, because its answer was lost, is
 *                      answered again
 *   of a DREQ          it is answered each time it comes
 *   of an RTU          the first message, which may have come before it, is answered
 *
 * awake: since when the machine has run without a break. Who was away owes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rc_duty {
	/* asking */
	bool must_back;
	uint64_t back_pos, back_told, back_late;
	/* answering */
	bool told; /* told_pos has been refused, and nothing has been taken since */
	uint64_t told_pos;
	bool gap; /* something behind gap_pos has come, which has not */
	uint64_t gap_pos, gap_since;
	uint64_t again_pos, again_last;
	unsigned again;		    /* times that it has come since the last answer */
	bool asked, replied, ready; /* the first message has come, has been answered; RTU */
	uint64_t waits_since;	    /* for that answer */
	/* ending */
	unsigned dreqs; /* that have come since the last DREP */
	uint64_t dreq_last;
};

/* An RNR NAK of pos, the oldest that is not answered, was taken; wait: what it asks for. */
void rc_duty_not_ready(struct rc_duty *d, uint64_t pos, uint64_t wait, uint64_t now);
/* All below una is done. */
void rc_duty_progress(struct rc_duty *d, uint64_t una);
char *rc_duty_request(struct rc_duty *d, uint64_t pos, uint64_t now, uint64_t awake);

/* A request at pos was taken, where hi was the next. */
char *rc_duty_taken(struct rc_duty *d, uint64_t pos, uint64_t hi, uint64_t now, uint64_t awake);
/* One that had been taken before, whose answer its sender has not got. */
char *rc_duty_again(struct rc_duty *d, uint64_t pos, uint64_t now, uint64_t awake);
/* It has answered something. */
void rc_duty_answered(struct rc_duty *d);
/* ... with a NAK of pos. gap: because of its PSN. */
char *rc_duty_nak(struct rc_duty *d, uint64_t pos, bool gap);

/* The first message to who has accepted has come, or (back) was not taken. */
void rc_duty_first(struct rc_duty *d, bool back, uint64_t now);
void rc_duty_ready(struct rc_duty *d, uint64_t now);
/* Its peer gives up. */
char *rc_duty_left(struct rc_duty *d, uint64_t now, uint64_t awake);

char *rc_duty_dreq(struct rc_duty *d, uint64_t now, uint64_t awake);
void rc_duty_drep(struct rc_duty *d);
