#!/bin/bash
# Waits until the test that started it is gone, however it went, and takes away what it has left: mounts, daemon, files.
# Argument: the test's directory. In there: `mounts`, one path a line in the order of mounting, and `pids`, the daemons'.
dir=$1
read -r _
[[ -d $dir ]] || exit 0
left=()
while read -r pid; do
  # The number may have passed to another process: ours has files open in the directory.
  find "/proc/$pid/fd" -lname "$dir/*" | grep -q . && left+=("$pid")
done <"$dir/pids"
while read -r mount; do
  umount -l "$mount" || fusermount3 -u -z "$mount"
done < <(tac "$dir/mounts")
((${#left[@]} == 0)) || kill -KILL "${left[@]}"
sleep 1
rm -rf --one-file-system "$dir"
