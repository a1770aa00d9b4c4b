/*
 * Blocked signals stay pending, each real-time one of them, in their order, with their values; a
 * signalfd gives them, a handler gets them when they are let in. A handler that runs too early, a
 * signal too many or too few, SIGCHLD or SIGCONT out of nowhere, or another mask is harm.
 */
#include "victim.h"

#include <sys/signalfd.h>
#include <sys/syscall.h>

#define QUEUED (SIGRTMIN + 4)
#define READ   (SIGRTMIN + 5)
#define COUNT  5

static volatile sig_atomic_t handled, strange;
static bool open_now;

static void on_queued(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	expect(open_now, "a handler ran while its signal was blocked");
	expect(info->si_code == SI_QUEUE && info->si_value.sival_int == handled,
	       "value %d expected, %d with si_code %d seen", (int)handled, info->si_value.sival_int,
	       info->si_code);
	handled++;
}

static void on_strange(int number)
{
	strange = number;
}

static void queue_self(int number, int count)
{
	int i;

	for (i = 0; i < count; i++)
		expect_value(0, sigqueue(getpid(), number, (union sigval){.sival_int = i}));
}

static uint64_t bit(int number)
{
	return 1ull << (number - 1);
}

static void expect_pending(uint64_t wanted)
{
	uint64_t pending = 0;

	expect_value(0, syscall(SYS_rt_sigpending, &pending, 8));
	expect(pending == wanted, "pending signals %#lx expected, %#lx seen", (long)wanted,
	       (long)pending);
}

static void let_in(void)
{
	sigset_t set, old;

	handled = 0;
	queue_self(QUEUED, COUNT);
	expect_value(0, raise(SIGUSR2));
	doze(8 * MS);
	expect_pending(bit(QUEUED) | bit(SIGUSR2));
	expect(!handled, "%d handlers ran while the signal was blocked", (int)handled);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, QUEUED);
	open_now = true;
	expect_value(0, sigprocmask(SIG_UNBLOCK, &set, &old));
	expect(handled == COUNT, "%d signals expected, %d seen", COUNT, (int)handled);
	expect_value(0, sigprocmask(SIG_SETMASK, &old, NULL));
	open_now = false;
	expect_pending(bit(SIGUSR2));
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR2);
	expect_value(SIGUSR2, sigtimedwait(&set, NULL, &(struct timespec){0}));
	expect_pending(0);
	victim_count();
}

static void read_signal(int fd, int value, pid_t from)
{
	struct signalfd_siginfo info = {0};

	expect_value(sizeof(info), read(fd, &info, sizeof(info)));
	expect(info.ssi_signo == (uint32_t)READ && info.ssi_code == SI_QUEUE &&
		       info.ssi_pid == (uint32_t)from && info.ssi_int == value,
	       "signalfd: value %d expected, signal %u code %d pid %u value %d seen", value,
	       info.ssi_signo, info.ssi_code, info.ssi_pid, info.ssi_int);
	victim_count();
}

/* To @data, its parent's answers: one byte for each batch that is taken. */
static void send_batches(void *data)
{
	char byte;
	int i;

	for (;;) {
		doze(5 * MS);
		for (i = 0; i < COUNT; i++) {
			expect_value(0, sigqueue(getppid(), READ, (union sigval){.sival_int = i}));
			doze(MS);
		}
		read_all(*(int *)data, &byte, 1);
	}
}

static void block_all(void)
{
	struct sigaction action = {.sa_sigaction = on_queued, .sa_flags = SA_SIGINFO};
	sigset_t set;

	expect_value(0, sigaction(QUEUED, &action, NULL));
	action = (struct sigaction){.sa_handler = on_strange};
	expect_value(0, sigaction(SIGCONT, &action, NULL));
	expect_value(0, sigaction(SIGCHLD, &action, NULL));
	(void)sigemptyset(&set);
	(void)sigaddset(&set, QUEUED);
	(void)sigaddset(&set, READ);
	(void)sigaddset(&set, SIGUSR2);
	expect_value(0, sigprocmask(SIG_BLOCK, &set, NULL));
}

int main(void)
{
	struct context context;
	int fds[2], fd, i;
	sigset_t set;
	pid_t sender;

	victim_start();
	block_all();
	(void)sigemptyset(&set);
	(void)sigaddset(&set, READ);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	expect(fd >= 0, "signalfd(): errno %d", errno);
	expect_value(0, pipe(fds));
	context_save(&context);
	sender = partner_start(send_batches, &fds[0]);
	victim_ready(getpid());
	while (!victim_told()) {
		for (i = 0; i < COUNT; i++)
			read_signal(fd, i, sender);
		let_in();
		context_check(&context);
		expect(!strange, "signal %d out of nowhere", (int)strange);
		write_all(fds[1], "", 1);
	}
	strange = 0;
	partner_end(sender);
	victim_unharmed();
}
