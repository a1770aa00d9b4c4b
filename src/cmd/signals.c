#include "cmd/signals.h"

#include "base/clock.h"
#include "base/hold.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static int lost_page_status, expired_status;

/*
 * A mapped file has become shorter, or cannot be read: no page is there. Nothing is left in a
 * target by ending here that is not left when this process is killed.
 */
static void on_lost_page(int number, siginfo_t *info, void *context)
{
	static const char text[] = "reftracker: a file was truncated while it was read, or cannot "
				   "be read\n";

	(void)context;
	if (info->si_code == BUS_ADRERR) {
		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
		_exit(lost_page_status);
	}
	/* A fault of our own comes again when this returns. */
	(void)signal(number, SIG_DFL);
}

/* As everywhere: the target goes on by the end of its tracer. */
static void on_expired(int number)
{
	static const char text[] = "reftracker: nothing was done for seconds while the process "
				   "stood still: it goes on, and nothing is known\n";

	(void)number;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(expired_status);
}

void signals_init(int lost_page, int expired)
{
	struct sigaction action = {.sa_sigaction = on_lost_page, .sa_flags = SA_SIGINFO};

	lost_page_status = lost_page;
	expired_status = expired;
	(void)sigaction(SIGBUS, &action, NULL);
	(void)signal(HOLD_EXPIRED, on_expired);
	(void)signal(SIGPIPE, SIG_IGN);
	/* Writing fails with EFBIG then, which can be told. */
	(void)signal(SIGXFSZ, SIG_IGN);
}

/* The next one ends, whichever of the two it is: a service manager's SIGTERM after Ctrl-C, too. */
static void on_signal(int number)
{
	(void)number;
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
	interrupted = 1;
}

void signals_catch(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	/* Of two that come at once, as after hold_end(), the second finds what the first has set.
	 */
	(void)sigaddset(&action.sa_mask, SIGINT);
	(void)sigaddset(&action.sa_mask, SIGTERM);
	interrupted = 0;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

bool signals_interrupted(void)
{
	return interrupted;
}

/* Whether one of @inputs can be read. */
static bool wait_for(uint64_t ns, struct pollfd *inputs, size_t count)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ns / NSEC_PER_SEC),
		.tv_nsec = (long)(ns % NSEC_PER_SEC),
	};
	sigset_t blocked, before;
	bool readable;

	/* The signal may come between looking and waiting: ppoll() lets it in only while it waits.
	 */
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGINT);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &blocked, &before);
	readable = !interrupted && ppoll(inputs, count, &ts, &before) > 0;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return readable;
}

bool signals_poll(uint64_t ns, int fd)
{
	struct pollfd input = {.fd = fd, .events = POLLIN};

	return wait_for(ns, &input, 1);
}

void signals_wait(uint64_t ns, bool enter, int end)
{
	struct pollfd inputs[] = {
		{.fd = enter ? STDIN_FILENO : -1, .events = POLLIN},
		{.fd = end, .events = POLLIN},
	};
	char line[256];

	if (wait_for(ns, inputs, ARRAY_SIZE(inputs)) && inputs[0].revents &&
	    read(STDIN_FILENO, line, sizeof(line)) == 0)
		interrupted = 1; /* Ctrl-D */
}
