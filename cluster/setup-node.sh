#!/bin/sh
# Prepares the namespaces of a node from within and becomes the process that holds them: see src/node.ts.
# Arguments: state folder, name of the node, path of the pause program. Goes on only when it was recorded, which a line
# of input says: if whoever starts it is killed before, the input ends, and so does it.
set -eu
state=$1 name=$2 pause=$3
hostname "$name"
mount -t proc proc /proc
# What is written here belongs to the node alone and goes with it.
mount -t tmpfs -o mode=755 run /run
mkdir -p "$state/var-log" "$state/cni-cache" /var/lib/cni
mount --bind "$state/var-log" /var/log
mount --bind "$state/cni-cache" /var/lib/cni
# The kubelet insists on setting these, which belong to the whole machine: it gets files of its own to write to.
for setting in kernel/panic kernel/panic_on_oops kernel/keys/root_maxbytes kernel/keys/root_maxkeys \
  vm/overcommit_memory vm/panic_on_oom; do
  mkdir -p "/run/sysctl/${setting%/*}"
  cat "/proc/sys/$setting" >"/run/sysctl/$setting"
  mount --bind "/run/sysctl/$setting" "/proc/sys/$setting"
done
mount --make-rshared /
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
read -r _
exec "$pause" </dev/null
