/*
 * A partner sends numbered real-time signals; sigwaitinfo(), sigtimedwait(), sigsuspend() and
 * pause() take them. A number that is missing, comes twice or with another si_code, or a return of
 * pause() or sigsuspend() without a handler's run is harm. sigwaitinfo() and sigtimedwait() may say
 * EINTR after a stop, signal(7).
 */
#include "victim.h"

#define WAITED	  (SIGRTMIN + 1)
#define SUSPENDED (SIGRTMIN + 2)
#define PAUSED	  (SIGRTMIN + 3)

static volatile sig_atomic_t suspended, paused, suspended_value = -1;
static pid_t sender;

static void on_suspended(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	expect(info->si_code == SI_QUEUE && info->si_pid == sender, "si_code %d, si_pid %d",
	       info->si_code, info->si_pid);
	suspended_value = info->si_value.sival_int;
	suspended++;
}

static void on_paused(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	expect(info->si_value.sival_int == paused, "pause(): signal %d expected, %d seen",
	       (int)paused, info->si_value.sival_int);
	paused++;
}

static void send_one(int number, int sequence)
{
	union sigval value = {.sival_int = sequence};

	while (sigqueue(getppid(), number, value)) {
		expect(errno == EAGAIN, "sigqueue(): errno %d", errno);
		doze(10 * MS);
	}
}

static void send_all(void *data)
{
	int sequence;

	(void)data;
	for (sequence = 0;; sequence++) {
		doze(5 * MS);
		send_one(WAITED, 2 * sequence);
		doze(3 * MS);
		send_one(PAUSED, sequence);
		send_one(WAITED, 2 * sequence + 1);
		doze(5 * MS);
		send_one(SUSPENDED, sequence);
	}
}

/* With a limit: none that runs out while the partner lives, but shorter ones before. */
static void take_waited(bool limited)
{
	static int sequence;
	struct timespec limit = timespec_of(3 * MS);
	siginfo_t info = {0};
	sigset_t set;
	int result;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, WAITED);
	for (;;) {
		uint64_t start = now();

		result = limited ? sigtimedwait(&set, &info, &limit) : sigwaitinfo(&set, &info);
		if (result < 0 && limited && errno == EAGAIN)
			expect_elapsed("sigtimedwait()", start, 3 * MS, EARLY);
		else if (result < 0 && errno == EINTR)
			victim_tolerate();
		else
			break;
	}
	expect(result == WAITED, "sigwaitinfo(): %d expected, %d seen, errno %d", WAITED, result,
	       errno);
	expect(info.si_code == SI_QUEUE && info.si_pid == sender,
	       "sigwaitinfo(): si_code %d, si_pid %d", info.si_code, info.si_pid);
	expect(info.si_value.sival_int == sequence, "sigwaitinfo(): signal %d expected, %d seen",
	       sequence, info.si_value.sival_int);
	sequence++;
	victim_count();
}

static void take_suspended(void)
{
	static int sequence;
	int before = suspended;
	sigset_t open;

	(void)sigfillset(&open);
	(void)sigdelset(&open, SUSPENDED);
	(void)sigdelset(&open, SIGTERM);
	expect(sigsuspend(&open) == -1 && errno == EINTR, "sigsuspend(): errno %d", errno);
	expect(suspended == before + 1, "sigsuspend(): %d handlers ran", suspended - before);
	expect(suspended_value == sequence, "sigsuspend(): signal %d expected, %d seen", sequence,
	       (int)suspended_value);
	sequence++;
	victim_count();
}

static void *pause_in_thread(void *data)
{
	int seen = 0;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, PAUSED);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	while (!victim_stopping()) {
		expect(pause() == -1 && errno == EINTR, "pause(): errno %d", errno);
		expect(paused > seen, "pause() returned, no handler has run");
		seen = paused;
		victim_count();
	}
	return data;
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_suspended, .sa_flags = SA_SIGINFO};
	struct context context;
	pthread_t thread;
	sigset_t set;

	victim_start();
	expect_value(0, sigaction(SUSPENDED, &action, NULL));
	action.sa_sigaction = on_paused;
	expect_value(0, sigaction(PAUSED, &action, NULL));
	(void)sigemptyset(&set);
	(void)sigaddset(&set, WAITED);
	(void)sigaddset(&set, SUSPENDED);
	(void)sigaddset(&set, PAUSED);
	expect_value(0, sigprocmask(SIG_BLOCK, &set, NULL));
	context_save(&context);
	sender = partner_start(send_all, NULL);
	thread = thread_start(pause_in_thread, NULL);
	victim_ready(getpid());
	while (!victim_told()) {
		take_waited(false);
		take_waited(true);
		take_suspended();
		context_check_mask(&context);
	}
	thread_join(thread);
	partner_end(sender);
	victim_unharmed();
}
