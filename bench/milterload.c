/*
 * milterload: a load generator that plays Postfix towards a mail filter or a
 * policy service, fast enough never to be the bottleneck.
 *
 * One thread, one epoll loop, N connections in a closed loop: each connection
 * starts its next mail when the last one has been answered. In milter mode the
 * packets and their grouping into writes are those seen by a sniffer between
 * Postfix 3.7 and a filter: OPTNEG; macros and MAIL in one write; macros of RCPT and
 * DATA in one write without an answer; macros and end of message; ABORT ABORT
 * QUIT. Events that the filter negotiated away are not sent, events it wants
 * are, one at a time, as Postfix does. TCP_NODELAY stays off, as in Postfix.
 *
 * Output: one JSON object on stdout. "decisions" are answers to the event
 * named by --decision (MAIL by default); latencies are of that answer.
 *
 * Exit: 0 the run is over (errors are counted in the JSON), 2 usage.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_CONNECTIONS = 4096,
	OUT_BYTES = 8192,
	IN_BYTES = 70000,	    /* a milter packet carries at most 64 KiB */
	HEADERS = 5,
	ANSWER_TIMEOUT_S = 30,	    /* Postfix's milter_command_timeout */
	GRACE_S = 5,		    /* for answers still to come when the time is up */
	RETRY_MS = 10,		    /* pause after an error, so that a dead server costs no CPU */
	RETRY_CONNECT_MS = 1,	    /* pause when the unix socket's backlog is full */
};
#define NS_PER_S 1000000000LL
#define NS_PER_MS 1000000LL

/* Protocol bits that a filter sets in its OPTNEG answer (libmilter's mfdef.h). */
enum {
	NO_CONNECT = 0x1, NO_HELO = 0x2, NO_MAIL = 0x4, NO_RCPT = 0x8, NO_BODY = 0x10,
	NO_HEADERS = 0x20, NO_EOH = 0x40, NR_HEADER = 0x80, NO_DATA = 0x200,
	NR_CONNECT = 0x1000, NR_HELO = 0x2000, NR_MAIL = 0x4000, NR_RCPT = 0x8000,
	NR_DATA = 0x10000, NR_EOH = 0x40000, NR_BODY = 0x80000,
};
enum { POSTFIX_ACTIONS = 0x1ff, POSTFIX_PROTOCOL = 0x1fffff };

enum step { CLOSED, CONNECTING, IDLE, OPTNEG, CONNECT, HELO, MAIL, RCPT, DATA, HEADER, EOH, BODY, EOM,
	    POLICY };
enum ending { END_EOM, END_ABORT, END_CLOSE, ENDINGS };
static const char *const ending_names[ENDINGS] = {"eom", "abort", "close"};

/* What a filter may answer, under the names that the JSON uses. */
enum reply { R_CONTINUE, R_ACCEPT, R_TEMPFAIL, R_REPLY_4XX, R_REPLY_5XX, R_REJECT, R_DISCARD,
	     R_OTHER, REPLIES };
static const char *const reply_names[REPLIES] = {"continue", "accept", "tempfail", "reply_4xx",
	"reply_5xx", "reject", "discard", "other"};

struct connection {
	int fd;
	enum step step;		    /* the event whose answer is awaited */
	int header;		    /* headers sent of this mail */
	uint32_t protocol;	    /* the filter's protocol bits */
	bool abort_pending;	    /* Postfix holds ABORT back until its next command */
	bool claimed;		    /* holds one of the --count mails, not begun yet */
	bool in_mail;		    /* a mail has been begun and is not decided */
	enum ending ending;
	uint32_t mails;		    /* mails begun on this connection */
	int64_t due_ns;		    /* when to act again, 0: waiting for the peer */
	int64_t sent_ns;	    /* when the event was written */
	char login[256];
	uint32_t mailbox;
	size_t out_len, in_len;
	unsigned char out[OUT_BYTES];
	unsigned char in[IN_BYTES];
};

static struct {
	bool policy, trace, decide_at_eom;
	uint32_t connections, mails_per_connection, mailboxes, first_mailbox, domains, digits;
	uint64_t count, seed;
	double seconds, think_ms, rate;
	unsigned weights[ENDINGS], weight_sum;
} options = {.connections = 1, .mails_per_connection = 1, .mailboxes = 1000, .domains = 100,
	.digits = 6, .count = 1000000, .seed = 1, .seconds = 3, .think_ms = 2, .weights = {1, 0, 0},
	.weight_sum = 1};

static struct sockaddr_storage peer;
static socklen_t peer_len;
static struct connection *connections;
static int epoll_fd;
static int64_t begin_ns, deadline_ns, last_decision_ns, next_due_ns;
static uint64_t begun, claims, tickets, decisions, decisions_in_time, accepted, refused, errors, timeouts;
static uint64_t mail_replies[REPLIES], eom_replies[REPLIES], endings[ENDINGS];
static uint32_t *latencies_us;
static size_t latency_room;

static void advance(struct connection *c, enum step next);
static void begin_mail(struct connection *c);

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static uint64_t random_next(void)
{
	/* xorshift64: the same seed gives the same mailboxes and endings. */
	options.seed ^= options.seed << 13;
	options.seed ^= options.seed >> 7;
	options.seed ^= options.seed << 17;
	return options.seed;
}

static void die(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("milterload: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(2);
}

/* ---- packets ---- */

static void put_u32(unsigned char *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, sizeof value);
}

static uint32_t get_u32(const unsigned char *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return ntohl(value);
}

static void trace_packet(const char *direction, char command, const unsigned char *body, size_t len)
{
	fprintf(stderr, "%s %c", direction, command);
	if (command == 'O')
		fprintf(stderr, " v%u actions=0x%x proto=0x%x", get_u32(body), get_u32(body + 4),
			get_u32(body + 8));
	else if (len > 0)
		fputc(' ', stderr);
	for (size_t i = 0; command != 'O' && i < len; i++)
		fputc(body[i] == 0 ? '|' : body[i] < ' ' || body[i] > '~' ? '?' : body[i], stderr);
	fputc('\n', stderr);
}

static void queue_packet(struct connection *c, char command, const void *body, size_t len)
{
	if (c->out_len + 5 + len > OUT_BYTES)
		die("packet too big");
	put_u32(c->out + c->out_len, (uint32_t)len + 1);
	c->out[c->out_len + 4] = (unsigned char)command;
	memcpy(c->out + c->out_len + 5, body, len);
	c->out_len += 5 + len;
	if (options.trace)
		trace_packet("MTA->", command, body, len);
}

/* Queue a packet of NUL-terminated strings; a NULL ends the list. */
static void queue_strings(struct connection *c, char command, const char *first, ...)
{
	unsigned char body[1024];
	size_t len = 0;
	va_list arguments;
	va_start(arguments, first);
	for (const char *text = first; text != NULL; text = va_arg(arguments, const char *)) {
		size_t size = strlen(text) + 1;
		if (len + size > sizeof body)
			die("strings too long");
		memcpy(body + len, text, size);
		len += size;
	}
	va_end(arguments);
	queue_packet(c, command, body, len);
}

static void watch(struct connection *c, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = c};
	if (epoll_ctl(epoll_fd, operation, c->fd, &event) != 0)
		die("epoll_ctl: %s", strerror(errno));
}

static void wake_at(struct connection *c, int64_t when_ns)
{
	c->due_ns = when_ns;
	if (when_ns < next_due_ns)
		next_due_ns = when_ns;
}

static void hang_up(struct connection *c)
{
	if (c->step != CLOSED)
		close(c->fd);
	c->step = CLOSED;
	c->in_len = c->out_len = 0;
	c->mails = 0;
	c->abort_pending = false;
}

static void fail(struct connection *c, const char *what)
{
	if (options.trace)
		fprintf(stderr, "error: %s at step %d: %s\n", what, c->step, strerror(errno));
	if (c->in_mail)
		errors++;
	c->in_mail = false;
	hang_up(c);
	wake_at(c, now_ns() + RETRY_MS * NS_PER_MS);
}

/* Write what is queued in one write, as Postfix's VSTREAM does. False: the connection failed. */
static bool flush(struct connection *c)
{
	size_t len = c->out_len;
	c->out_len = 0;
	if (options.trace)
		fprintf(stderr, "      (one write, %zu bytes)\n", len);
	if (send(c->fd, c->out, len, MSG_NOSIGNAL) == (ssize_t)len)
		return true;
	fail(c, "write");
	return false;
}

static void await(struct connection *c, enum step step)
{
	c->step = step;
	c->sent_ns = now_ns();
	flush(c);
}

/* ---- bookkeeping ---- */

static void record_decision(struct connection *c, int64_t answered_ns, bool passed)
{
	if (decisions == latency_room) {
		latency_room = latency_room ? latency_room * 2 : 65536;
		latencies_us = realloc(latencies_us, latency_room * sizeof *latencies_us);
		if (latencies_us == NULL)
			die("out of memory");
	}
	latencies_us[decisions++] = (uint32_t)((answered_ns - c->sent_ns + 500) / 1000);
	last_decision_ns = answered_ns;
	if (answered_ns <= deadline_ns)
		decisions_in_time++;
	if (passed)
		accepted++;
	else
		refused++;
	c->in_mail = false;
}

/* Take one of the mails that may still be started; false when the run is over. */
static bool claim(struct connection *c)
{
	bool in_time = now_ns() < deadline_ns;
	if (c->claimed && !in_time)
		claims--;
	else if (!c->claimed && in_time && claims < options.count)
		claims++;
	else
		return c->claimed;
	return c->claimed = in_time;
}

static void dial(struct connection *c)
{
	if (!claim(c))
		return;
	c->fd = socket(peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket: %s", strerror(errno));
	c->step = CONNECTING;
	if (connect(c->fd, (struct sockaddr *)&peer, peer_len) != 0 && errno != EINPROGRESS) {
		bool backlog_full = errno == EAGAIN;
		if (!backlog_full)
			errors++;
		hang_up(c);
		wake_at(c, now_ns() + (backlog_full ? RETRY_CONNECT_MS : RETRY_MS) * NS_PER_MS);
		return;
	}
	c->due_ns = 0;
	c->sent_ns = now_ns();
	watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

/* With --rate, mail number n starts no earlier than n / rate. */
static int64_t next_ticket_ns(void)
{
	return begin_ns + (int64_t)((double)tickets++ / options.rate * NS_PER_S);
}

/* The mail is over: the next one, on this connection or on a new one. */
static void finish_mail(struct connection *c)
{
	int64_t due_ns = options.rate > 0 ? next_ticket_ns() : 0;
	if (c->mails < options.mails_per_connection && claim(c)) {
		int64_t think_ns = now_ns() + (int64_t)(options.think_ms * NS_PER_MS);
		c->step = IDLE;
		wake_at(c, due_ns > think_ns ? due_ns : think_ns);
		return;
	}
	if (!options.policy) {
		if (c->abort_pending)
			queue_packet(c, 'A', "", 0);
		queue_packet(c, 'A', "", 0);
		queue_packet(c, 'Q', "", 0);
		if (!flush(c))
			return;
	}
	hang_up(c);
	if (due_ns > now_ns())
		wake_at(c, due_ns);
	else
		dial(c);
}

/* ---- the milter conversation ---- */

static enum reply classify(char command, const unsigned char *body, size_t len)
{
	switch (command) {
	case 'c': return R_CONTINUE;
	case 'a': return R_ACCEPT;
	case 't': return R_TEMPFAIL;
	case 'r': return R_REJECT;
	case 'd': return R_DISCARD;
	case 'y': return len > 0 && body[0] == '4' ? R_REPLY_4XX : R_REPLY_5XX;
	default: return R_OTHER;
	}
}

/* Changes to the message, which a filter may send before its answer to the end of message. */
static bool is_modification(char command)
{
	return strchr("+-2behilmpq", command) != NULL;
}

static void begin_mail(struct connection *c)
{
	c->mailbox = options.first_mailbox + (uint32_t)(random_next() % options.mailboxes);
	snprintf(c->login, sizeof c->login, "mbox%0*u@dom%03u.test", (int)options.digits,
		 c->mailbox, c->mailbox % options.domains);
	uint64_t drawn = random_next() % options.weight_sum;
	for (c->ending = END_EOM; drawn >= options.weights[c->ending]; c->ending++)
		drawn -= options.weights[c->ending];
	c->mails++;
	c->in_mail = true;
	c->header = 0;
	c->due_ns = 0;
	c->claimed = false;
	begun++;
}

static void end_mail(struct connection *c)
{
	endings[c->ending]++;
	if (c->ending == END_CLOSE) {
		hang_up(c);
		dial(c);
		return;
	}
	c->abort_pending = true;
	finish_mail(c);
}

static void send_optneg(struct connection *c)
{
	unsigned char body[12];
	put_u32(body, 6);
	put_u32(body + 4, POSTFIX_ACTIONS);
	put_u32(body + 8, POSTFIX_PROTOCOL);
	queue_packet(c, 'O', body, sizeof body);
	await(c, OPTNEG);
}

/* Send events from `next` on until one needs an answer. */
static void advance(struct connection *c, enum step next)
{
	static const char *const header_names[HEADERS] = {"From", "To", "Subject", "Date",
		"Message-Id"};
	static const char *const header_values[HEADERS] = {"mbox@dom.test", "rcpt@remote.test",
		"load", "Sun, 22 Nov 2026 10:00:00 +0000", "<load@dom.test>"};
	static const char body_text[] = "This is one mail of a load test.\r\n";
	static const unsigned char connect_body[] = "client.example\0004\x12\x67" "192.0.2.7";
	char reverse_path[sizeof c->login + 2];
	uint32_t protocol = c->protocol;

	switch (next) {
	case CONNECT:
		/* A macro packet ('D'): the event's letter, then names and values. */
		queue_strings(c, 'D', "Cj", "mail.dom.test", "{daemon_name}", "ORIGINATING",
			      "{daemon_addr}", "127.0.0.1", "v", "Postfix 3.7.11", "_",
			      "client.example [192.0.2.7]", NULL);
		if (!(protocol & NO_CONNECT)) {
			queue_packet(c, 'C', connect_body, sizeof connect_body);
			if (!(protocol & NR_CONNECT))
				return await(c, CONNECT);
		}
		/* fall through */
	case HELO:
		queue_packet(c, 'D', "H", 1);
		if (!(protocol & NO_HELO)) {
			queue_strings(c, 'H', "client.example", NULL);
			if (!(protocol & NR_HELO))
				return await(c, HELO);
		}
		/* fall through */
	case MAIL:
		begin_mail(c);
		if (c->abort_pending)
			queue_packet(c, 'A', "", 0);
		c->abort_pending = false;
		queue_strings(c, 'D', "M{auth_type}", "PLAIN", "{auth_authen}", c->login,
			      "{mail_addr}", c->login, "{mail_host}", strchr(c->login, '@') + 1,
			      "{mail_mailer}", "smtp", NULL);
		snprintf(reverse_path, sizeof reverse_path, "<%s>", c->login);
		if (!(protocol & NO_MAIL)) {
			queue_strings(c, 'M', reverse_path, "SIZE=2000", NULL);
			if (!(protocol & NR_MAIL))
				return await(c, MAIL);
		}
		/* fall through */
	case RCPT:
		queue_strings(c, 'D', "Ri", "4XyZ123", "{rcpt_addr}", "rcpt@remote.test",
			      "{rcpt_host}", "remote.test", "{rcpt_mailer}", "smtp", NULL);
		if (!(protocol & NO_RCPT)) {
			queue_strings(c, 'R', "<rcpt@remote.test>", NULL);
			if (!(protocol & NR_RCPT))
				return await(c, RCPT);
		}
		/* fall through */
	case DATA:
		queue_strings(c, 'D', "Ti", "4XyZ123", NULL);
		if (!(protocol & NO_DATA)) {
			queue_packet(c, 'T', "", 0);
			if (!(protocol & NR_DATA))
				return await(c, DATA);
		}
		/* smtpd hands the filter's socket over to cleanup here: a write of its own. */
		if (!flush(c))
			return;
		/* fall through */
	case HEADER:
		while (!(protocol & NO_HEADERS) && c->header < HEADERS) {
			queue_strings(c, 'L', header_names[c->header], header_values[c->header], NULL);
			c->header++;
			if (!(protocol & NR_HEADER))
				return await(c, HEADER);
		}
		/* fall through */
	case EOH:
		if (!(protocol & NO_EOH)) {
			queue_packet(c, 'N', "", 0);
			if (!(protocol & NR_EOH))
				return await(c, EOH);
		}
		/* fall through */
	case BODY:
		if (!(protocol & NO_BODY)) {
			queue_packet(c, 'B', body_text, sizeof body_text - 1);
			if (!(protocol & NR_BODY))
				return await(c, BODY);
		}
		/* fall through */
	case EOM:
		queue_strings(c, 'D', "Ei", "4XyZ123", NULL);
		queue_packet(c, 'E', "", 0);
		return await(c, EOM);
	default:
		die("no such event: %d", next);
	}
}

static void milter_answer(struct connection *c, char command, const unsigned char *body, size_t len)
{
	int64_t answered_ns = now_ns();
	if (options.trace)
		trace_packet("<-flt", command, body, len);
	if (c->step == OPTNEG) {
		if (command != 'O' || len < 12)
			return fail(c, "negotiation");
		c->protocol = get_u32(body + 8);
		return advance(c, CONNECT);
	}
	if (c->step == EOM && is_modification(command))
		return;
	enum reply reply = classify(command, body, len);
	bool goes_on = reply == R_CONTINUE || reply == R_ACCEPT || command == 's';
	bool decides = c->step == (options.decide_at_eom ? EOM : MAIL);
	if (c->step == MAIL)
		mail_replies[reply]++;
	if (c->step == EOM)
		eom_replies[reply]++;
	if (reply == R_OTHER && command != 's')
		return fail(c, "unknown answer");
	if (decides)
		record_decision(c, answered_ns, goes_on);
	else if (!goes_on && c->in_mail)
		record_decision(c, answered_ns, false);	/* refused before its time */
	if (c->step == EOM && goes_on)
		return end_mail(c);
	/* Postfix sends no more of a mail that was refused or accepted early. */
	if (!goes_on || (c->step >= MAIL && reply == R_ACCEPT)) {
		c->abort_pending = true;
		return finish_mail(c);
	}
	if (c->step == MAIL && c->ending != END_EOM)
		return end_mail(c);
	if (c->step == HEADER)
		return advance(c, HEADER);
	advance(c, c->step + 1);
}

/* Take whole packets from the input; false when the connection is gone. */
static void milter_input(struct connection *c)
{
	size_t at = 0;
	int fd = c->fd;
	while (c->in_len - at >= 5) {
		uint32_t len = get_u32(c->in + at);
		if (len < 1 || len > IN_BYTES - 4)
			return fail(c, "packet length");
		if (c->in_len - at < 4 + (size_t)len)
			break;
		milter_answer(c, (char)c->in[at + 4], c->in + at + 5, len - 1);
		if (c->step == CLOSED || c->step == CONNECTING || c->fd != fd)
			return;
		at += 4 + len;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
}

/* ---- the policy protocol ---- */

static void ask_policy(struct connection *c)
{
	begin_mail(c);
	c->out_len = (size_t)snprintf((char *)c->out, OUT_BYTES,
		"request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
		"client_address=192.0.2.7\nclient_name=client.example\nclient_port=40000\n"
		"reverse_client_name=client.example\nserver_address=127.0.0.1\nserver_port=587\n"
		"helo_name=client.example\nsender=%s\nrecipient=rcpt@remote.test\n"
		"recipient_count=0\nqueue_id=\ninstance=%x.%llx.0\nsize=2000\netrn_domain=\n"
		"stress=\nsasl_method=plain\nsasl_username=%s\nsasl_sender=\nccert_subject=\n"
		"ccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\n"
		"encryption_protocol=\nencryption_cipher=\nencryption_keysize=0\n"
		"policy_context=\n\n",
		c->login, (unsigned)getpid(), (unsigned long long)begun, c->login);
	if (options.trace)
		fprintf(stderr, "MTA-> %s", (char *)c->out);
	await(c, POLICY);
}

static void policy_input(struct connection *c)
{
	if (c->in_len < 2 || memcmp(c->in + c->in_len - 2, "\n\n", 2) != 0)
		return;
	int64_t answered_ns = now_ns();
	c->in[c->in_len] = '\0';
	c->in_len = 0;
	const char *action = strstr((char *)c->in, "action=");
	if (options.trace)
		fprintf(stderr, "<-srv %s", (char *)c->in);
	if (action == NULL || c->step != POLICY)
		return fail(c, "policy answer");
	action += strlen("action=");
	bool refuses = *action == '4' || *action == '5' || strncasecmp(action, "defer", 5) == 0 ||
		strncasecmp(action, "reject", 6) == 0;
	record_decision(c, answered_ns, !refuses);
	finish_mail(c);
}

/* ---- the loop ---- */

static void begin(struct connection *c)
{
	if (options.policy)
		ask_policy(c);
	else if (c->mails == 0)
		send_optneg(c);
	else
		advance(c, MAIL);
}

static void on_event(struct connection *c, uint32_t events)
{
	if (c->step == CLOSED)
		return;
	if (c->step == CONNECTING) {
		int error = 0;
		socklen_t len = sizeof error;
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error != 0) {
			errors++;
			fail(c, "connect");
			return;
		}
		watch(c, EPOLL_CTL_MOD, EPOLLIN);
		begin(c);
		return;
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	ssize_t got = recv(c->fd, c->in + c->in_len, IN_BYTES - 1 - c->in_len, 0);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		fail(c, "end of file");
		return;
	}
	c->in_len += (size_t)got;
	if (options.policy)
		policy_input(c);
	else
		milter_input(c);
}

static void run_due(int64_t now)
{
	next_due_ns = INT64_MAX;
	for (uint32_t i = 0; i < options.connections; i++) {
		struct connection *c = &connections[i];
		if (c->due_ns == 0)	/* waits for its peer */
			continue;
		if (c->due_ns > now) {
			wake_at(c, c->due_ns);
			continue;
		}
		c->due_ns = 0;
		if (c->step == CLOSED)
			dial(c);
		else if (claim(c))
			begin(c);
		else
			finish_mail(c);
	}
}

static uint32_t still_open(int64_t now)
{
	uint32_t open = 0;
	for (uint32_t i = 0; i < options.connections; i++) {
		struct connection *c = &connections[i];
		if (c->step != CLOSED && c->due_ns == 0 &&
		    now - c->sent_ns > ANSWER_TIMEOUT_S * NS_PER_S) {
			timeouts++;
			fail(c, "timeout");
		}
		if (c->step != CLOSED || c->due_ns != 0)
			open++;
	}
	return open;
}

static void run(void)
{
	struct epoll_event events[256];
	int64_t check_ns = 0, now = begin_ns;
	for (uint32_t i = 0; i < options.connections; i++) {
		wake_at(&connections[i], options.rate > 0 ? next_ticket_ns() : begin_ns);
	}
	while (now < deadline_ns + GRACE_S * NS_PER_S) {
		if (now >= next_due_ns)
			run_due(now);
		if (now >= check_ns || now >= deadline_ns || claims >= options.count) {
			if (still_open(now) == 0)
				break;
			check_ns = now + 100 * NS_PER_MS;
		}
		int64_t wait_ns = next_due_ns - now;
		if (wait_ns > 100 * NS_PER_MS)
			wait_ns = 100 * NS_PER_MS;
		struct timespec wait = {.tv_nsec = wait_ns > 0 ? wait_ns : 0};
		int ready = epoll_pwait2(epoll_fd, events, 256, &wait, NULL);
		if (ready < 0 && errno != EINTR)
			die("epoll_wait: %s", strerror(errno));
		for (int i = 0; i < ready; i++)
			on_event(events[i].data.ptr, events[i].events);
		now = now_ns();
	}
}

/* ---- command line and report ---- */

static int compare_u32(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	return (left > right) - (left < right);
}

static uint32_t percentile_us(double share)
{
	if (decisions == 0)
		return 0;
	size_t at = (size_t)(share * (double)decisions);
	return latencies_us[at < decisions ? at : decisions - 1];
}

static void print_counts(const char *name, const char *const *names, const uint64_t *counts, int n)
{
	printf(", \"%s\": {", name);
	for (int i = 0; i < n; i++)
		printf("%s\"%s\": %llu", i ? ", " : "", names[i], (unsigned long long)counts[i]);
	printf("}");
}

static void report(void)
{
	uint64_t unfinished = 0;
	for (uint32_t i = 0; i < options.connections; i++)
		unfinished += connections[i].in_mail;
	/* Bounded by count, the time ends with the last answer; bounded by time, answers
	 * that came late count as decisions but not for the rate. */
	int64_t end_ns = last_decision_ns > deadline_ns || (decisions == 0 && unfinished > 0) ?
		deadline_ns : last_decision_ns;
	double elapsed_s = end_ns > begin_ns ? (double)(end_ns - begin_ns) / NS_PER_S : 0;
	if (decisions > 0)
		qsort(latencies_us, decisions, sizeof *latencies_us, compare_u32);
	printf("{\"decisions\": %llu, \"accepted\": %llu, \"refused\": %llu, \"errors\": %llu, "
	       "\"timeouts\": %llu, \"unfinished\": %llu, \"elapsed_s\": %.6f, "
	       "\"decisions_per_s\": %.1f, \"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u",
	       (unsigned long long)decisions, (unsigned long long)accepted,
	       (unsigned long long)refused, (unsigned long long)errors,
	       (unsigned long long)timeouts, (unsigned long long)unfinished, elapsed_s,
	       elapsed_s > 0 ? (double)decisions_in_time / elapsed_s : 0.0, percentile_us(0.5),
	       percentile_us(0.99), percentile_us(1));
	print_counts("mail_replies", reply_names, mail_replies, REPLIES);
	print_counts("eom_replies", reply_names, eom_replies, REPLIES);
	print_counts("endings", ending_names, endings, ENDINGS);
	printf("}\n");
}

static void usage(void)
{
	fputs("usage: milterload [options] unix:PATH | inet:IPV4:PORT\n"
	      "  --policy                  speak Postfix's policy protocol instead of milter\n"
	      "  --decision mail|eom       the event whose answer is the decision (mail)\n"
	      "  --connections N           at once (1)\n"
	      "  --mails-per-connection M  1: a new connection for each mail (1)\n"
	      "  --think-ms T              between two mails of one connection (2)\n"
	      "  --mailboxes K             logins mbox000000@dom000.test and on, at random (1000)\n"
	      "  --first-mailbox F         number of the first (0)\n"
	      "  --domains D               they are spread over (100)\n"
	      "  --digits G                at least so many in a login (6)\n"
	      "  --endings E,A,C           weights of end-of-message, abort, close (1,0,0)\n"
	      "  --count C, --seconds S    stop after C mails or S seconds (1000000, 3)\n"
	      "  --rate R                  start at most R mails a second (0: as fast as answered)\n"
	      "  --seed N                  of the random choices (1)\n"
	      "  --trace                   print every packet to stderr\n",
	      stderr);
	exit(2);
}

static double number(const char *text, double low, double high)
{
	char *end;
	double value = strtod(text, &end);
	if (*text == '\0' || *end != '\0' || !(value >= low && value <= high))
		die("not a number from %g to %g: %s", low, high, text);
	return value;
}

static void parse_address(const char *text)
{
	struct sockaddr_un *local = (struct sockaddr_un *)&peer;
	struct sockaddr_in *inet = (struct sockaddr_in *)&peer;
	char host[64];
	unsigned port;
	if (strncmp(text, "unix:", 5) == 0 && strlen(text + 5) < sizeof local->sun_path) {
		local->sun_family = AF_UNIX;
		strcpy(local->sun_path, text + 5);
		peer_len = sizeof *local;
	} else if (sscanf(text, "inet:%63[0-9.]:%u", host, &port) == 2 && port < 65536 &&
		   inet_pton(AF_INET, host, &inet->sin_addr) == 1) {
		inet->sin_family = AF_INET;
		inet->sin_port = htons((uint16_t)port);
		peer_len = sizeof *inet;
	} else {
		die("not unix:PATH or inet:IPV4:PORT: %s", text);
	}
}

static void parse_options(int argc, char **argv)
{
	static const struct option names[] = {
		{"policy", no_argument, NULL, 'p'}, {"decision", required_argument, NULL, 'd'},
		{"connections", required_argument, NULL, 'n'},
		{"mails-per-connection", required_argument, NULL, 'm'},
		{"think-ms", required_argument, NULL, 'w'},
		{"mailboxes", required_argument, NULL, 'k'},
		{"first-mailbox", required_argument, NULL, 'f'},
		{"domains", required_argument, NULL, 'o'}, {"digits", required_argument, NULL, 'g'},
		{"endings", required_argument, NULL, 'e'}, {"count", required_argument, NULL, 'c'},
		{"seconds", required_argument, NULL, 's'}, {"rate", required_argument, NULL, 'r'},
		{"seed", required_argument, NULL, 'i'}, {"trace", no_argument, NULL, 't'},
		{NULL, 0, NULL, 0}};
	int option;
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		switch (option) {
		case 'p': options.policy = true; break;
		case 't': options.trace = true; break;
		case 'd': options.decide_at_eom = strcmp(optarg, "eom") == 0; break;
		case 'n': options.connections = (uint32_t)number(optarg, 1, MAX_CONNECTIONS); break;
		case 'm': options.mails_per_connection = (uint32_t)number(optarg, 1, 1e9); break;
		case 'w': options.think_ms = number(optarg, 0, 60000); break;
		case 'k': options.mailboxes = (uint32_t)number(optarg, 1, 1e9); break;
		case 'f': options.first_mailbox = (uint32_t)number(optarg, 0, 1e9); break;
		case 'o': options.domains = (uint32_t)number(optarg, 1, 1e9); break;
		case 'g': options.digits = (uint32_t)number(optarg, 1, 200); break;
		case 'c': options.count = (uint64_t)number(optarg, 1, 1e9); break;
		case 's': options.seconds = number(optarg, 0.01, 3600); break;
		case 'r': options.rate = number(optarg, 0, 1e6); break;
		case 'i': options.seed = (uint64_t)number(optarg, 1, 1e15); break;
		case 'e':
			if (sscanf(optarg, "%u,%u,%u", &options.weights[END_EOM],
				   &options.weights[END_ABORT], &options.weights[END_CLOSE]) != 3)
				usage();
			options.weight_sum = 0;
			for (int i = 0; i < ENDINGS; i++)
				options.weight_sum += options.weights[i];
			if (options.weight_sum == 0)
				usage();
			break;
		default: usage();
		}
	if (optind != argc - 1)
		usage();
	parse_address(argv[optind]);
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	connections = calloc(options.connections, sizeof *connections);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (connections == NULL || epoll_fd < 0)
		die("out of memory or descriptors");
	next_due_ns = INT64_MAX;
	begin_ns = last_decision_ns = now_ns();
	deadline_ns = begin_ns + (int64_t)(options.seconds * NS_PER_S);
	run();
	report();
	return 0;
}
