#!/bin/sh
# The first process of the lab's virtual machine: runs the tests that the kernel's command line names, says on the second serial
# line how they ended, and switches off.
export PATH=/usr/bin HOME=/ TERM=dumb NO_COLOR=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkdir -p /run/lock /run/netns
stty -onlcr </dev/console
ip link set lo up
echo "kernel $(uname -r), up after $(cat /proc/uptime)"
modprobe -a nf_flow_table_inet nft_flow_offload nf_conntrack nft_ct bridge veth
cd /lab || exit 1
tests=
read -r words </proc/cmdline
for word in $words; do
  case $word in test=*) tests="$tests ${word#test=}" ;; esac
done
# shellcheck disable=SC2086 # a list of paths
node --test --test-concurrency=1 --test-reporter=spec $tests
status=$?
[ "$status" = 0 ] || dmesg | tail -n 20
echo "$status" >/dev/ttyS1
poweroff -f
