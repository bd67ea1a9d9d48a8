#!/bin/bash
# The first process of a User-Mode Linux whose root is this machine's, read only (otherkernel.ts): runs one test file and goes. Its environment
# comes from the kernel's command line: HERE, the project's folder, NODE, TEST, and CI and MIGRATEFS_REQUIRE_MOUNT for the test.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TAP_TIMEOUT=0
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm # devtmpfs is there already
mount -t devpts devpts /dev/pts
for dir in /dev/shm /run "$HERE/.tap" /tmp; do mount -t tmpfs tmpfs "$dir"; done
mount --bind /usr/lib/uml/modules /usr/lib/modules
modprobe -a loop fuse quota_v2
ip link set lo up
cd "$HERE" && "$NODE" --import=./test/typescript/register.js "$TEST"
echo "ended with status $?"
halt -d -f
