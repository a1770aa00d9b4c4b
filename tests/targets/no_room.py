"""A process that may map little more than it has: no_room.py --ready FILE. The probe has no room."""
import os
import resource
import sys
import time

KEEP = [{"a": [i]} for i in range(1000)]
with open("/proc/self/statm", encoding="ascii") as statm:
    mapped = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (mapped + (4 << 20), mapped + (4 << 20)))
os.close(os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT, 0o644))
time.sleep(1000)
