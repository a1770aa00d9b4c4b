/*
 * The stack of a thread is write-protected by userfaultfd(2) again and again, and another thread of
 * the same process lets each write through. Who writes there while all stand waits for a thread
 * that cannot run: a victim that stands still for good, and a sleep that is disturbed, are harm.
 */
#include "victim.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define STACK (256 << 10)
#define TOP   (64 << 10) /* is not protected: there the kernel itself writes, of rseq(2) */
#define PAGE  4096ull

static int handler;
static unsigned char *stack;
static atomic_ulong let_through;
static pthread_barrier_t begun;
static atomic_bool over;

static void protect(uint64_t start, uint64_t size, uint64_t mode)
{
	struct uffdio_writeprotect range = {.range = {start, size}, .mode = mode};

	while (ioctl(handler, UFFDIO_WRITEPROTECT, &range))
		expect(errno == EAGAIN || errno == EINTR, "UFFDIO_WRITEPROTECT: errno %d", errno);
}

/* Not asleep, so that the thread that sleeps is the one that a capture prefers. */
static void compute(uint64_t wanted)
{
	uint64_t start = now();

	while (now() - start < wanted)
		;
}

static void let_write(void)
{
	struct uffd_msg message;

	while (read(handler, &message, sizeof(message)) == sizeof(message)) {
		expect(message.event == UFFD_EVENT_PAGEFAULT, "event %#x", message.event);
		protect(message.arg.pagefault.address & ~(PAGE - 1), PAGE, 0);
		let_through++;
	}
	expect(errno == EAGAIN || errno == EINTR, "read(): errno %d", errno);
}

/* With a table of descriptors of its own: one of the process's would keep it from being cloned. */
static void *handle(void *data)
{
	uint64_t last = 0;

	expect_value(0, unshare(CLONE_FILES));
	(void)pthread_barrier_wait(&begun);
	while (!over) {
		if (now() - last > 3 * MS) {
			protect((uintptr_t)stack, STACK - TOP, UFFDIO_WRITEPROTECT_MODE_WP);
			last = now();
		}
		let_write();
		compute(MS / 5);
	}
	return data;
}

static void *sleep_on_stack(void *data)
{
	volatile unsigned char below[TOP];

	below[0] = 1;
	while (!victim_stopping()) {
		struct timespec time = timespec_of(10 * MS);
		uint64_t start = now();

		expect_value(0, nanosleep(&time, NULL));
		expect_elapsed("nanosleep()", start, 10 * MS, 0);
		victim_count();
	}
	return below[0] ? data : NULL;
}

/* False where the kernel has it not, or not for us. */
static bool open_handler(void)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_WP};

	handler = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (handler < 0 || ioctl(handler, UFFDIO_API, &api))
		return false;
	stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(stack != MAP_FAILED, "mmap(): errno %d", errno);
	memset(stack, 0, STACK);
	range.range.start = (uintptr_t)stack;
	range.range.len = STACK - TOP;
	return !ioctl(handler, UFFDIO_REGISTER, &range);
}

static pthread_t thread_start_on_stack(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	expect_value(0, pthread_attr_init(&attr));
	expect_value(0, pthread_attr_setstack(&attr, stack, STACK));
	expect_value(0, pthread_create(&thread, &attr, sleep_on_stack, NULL));
	return thread;
}

int main(void)
{
	pthread_t sleeper, handling;

	victim_start();
	if (!open_handler())
		victim_unavailable("no userfaultfd");
	expect_value(0, pthread_barrier_init(&begun, NULL, 2));
	handling = thread_start(handle, NULL);
	(void)pthread_barrier_wait(&begun);
	(void)close(handler);
	sleeper = thread_start_on_stack();
	victim_ready(getpid());
	while (!victim_told())
		compute(3 * MS);
	thread_join(sleeper);
	over = true;
	thread_join(handling);
	expect(let_through > 0, "nothing was ever written");
	victim_unharmed();
}
