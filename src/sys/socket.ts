// Unix sockets: a pair over which fusermount3 hands back the /dev/fuse descriptor (SCM_RIGHTS, see unix(7) and cmsg(3)), and
// datagrams to the system's log.
import { EINTR, EINVAL, ENAMETOOLONG, ENODATA } from '../../protocol/errno.ts';
import { type CString, terminated } from './cstring.ts';
import { close } from './fd.ts';
import { addressOf, bind, outcome, within } from './libc.ts';

const c_socketpair = bind<(domain: number, type: number, protocol: number, pair: Int32Array) => number>(
  'int socketpair(int, int, int, void*)',
);
const c_socket =
  bind<(domain: number, type: number, protocol: number) => number>('int socket(int, int, int)');
const c_connect = bind<(fd: number, address: Uint8Array, length: number) => number>(
  'int connect(int, void*, unsigned int)',
);
const c_send = bind<(fd: number, bytes: Uint8Array, length: number, flags: number) => number>(
  'int64_t send(int, void*, size_t, int)',
);
const c_recvmsg = bind<(fd: number, message: ArrayBuffer, flags: number) => number>(
  'int64_t recvmsg(int, void*, int)',
);
const c_sendmsg = bind<(fd: number, message: ArrayBuffer, flags: number) => number>(
  'int64_t sendmsg(int, void*, int)',
);

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x08;
const MSG_CMSG_CLOEXEC = 0x4000_0000;

export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;

/** Fills `pair` with two connected stream sockets, closed on exec. */
export function socketpair(pair: Int32Array): number {
  within(pair, 8);
  return outcome(c_socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
}

// A message of one byte and one descriptor: struct msghdr, struct iovec and struct cmsghdr, each where the next needs its address.
const CONTROL = 20; // CMSG_LEN(4): with CMSG_SPACE(4), 24 bytes, the kernel finds room for a second descriptor
function message(): { header: ArrayBuffer; control: DataView; view: DataView; byte: ArrayBuffer } {
  const header = new ArrayBuffer(56);
  const iovec = new ArrayBuffer(16);
  const byte = new ArrayBuffer(1);
  const control = new ArrayBuffer(CONTROL);
  const view = new DataView(header);
  const vector = new DataView(iovec);
  vector.setBigUint64(0, addressOf(byte), true);
  vector.setBigUint64(8, 1n, true);
  view.setBigUint64(16, addressOf(iovec), true);
  view.setBigUint64(24, 1n, true);
  view.setBigUint64(32, addressOf(control), true);
  view.setBigUint64(40, BigInt(CONTROL), true);
  kept.set(header, [iovec, byte, control]);
  return { header, control: new DataView(control), view, byte };
}
// The collector doesn't see addresses: what a header points to must live as long as the header.
const kept = new WeakMap<ArrayBuffer, ArrayBuffer[]>();

/** Waits for one descriptor: it (closed on exec), -ENODATA if the peer closed or sent a byte without one, or another negative errno. */
export function receiveDescriptor(fd: number): number {
  const { header, control, view } = message();
  let count: number;
  do count = outcome(c_recvmsg(fd, header, MSG_CMSG_CLOEXEC));
  while (count === -EINTR);
  if (count < 0) return count;
  const isRights =
    Number(view.getBigUint64(40, true)) >= CONTROL &&
    control.getInt32(8, true) === SOL_SOCKET &&
    control.getInt32(12, true) === SCM_RIGHTS;
  if (!isRights) return -ENODATA;
  const received = control.getInt32(16, true);
  // More than one was sent: the kernel gave away those that don't fit, and which one is meant is unknown.
  if ((view.getInt32(48, true) & MSG_CTRUNC) !== 0) {
    close(received);
    return -EINVAL;
  }
  return received;
}

/** Sends one descriptor with one byte: 1 or a negative errno. */
export function sendDescriptor(fd: number, descriptor: number): number {
  const { header, control } = message();
  control.setBigUint64(0, BigInt(CONTROL), true);
  control.setInt32(8, SOL_SOCKET, true);
  control.setInt32(12, SCM_RIGHTS, true);
  control.setInt32(16, descriptor, true);
  let count: number;
  do count = outcome(c_sendmsg(fd, header, MSG_NOSIGNAL));
  while (count === -EINTR);
  return count;
}

/** A datagram socket connected to the Unix socket at `path`, closed on exec. -ENOENT or -ECONNREFUSED if nobody listens there. */
export function connectUnixDatagram(path: CString): number {
  terminated(path);
  if (path.length > 108) return -ENAMETOOLONG; // sun_path, with its NUL
  const address = new Uint8Array(110); // struct sockaddr_un
  address[0] = AF_UNIX;
  address.set(path, 2);
  const fd = outcome(c_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd < 0) return fd;
  const result = outcome(c_connect(fd, address, 2 + path.length));
  if (result === 0) return fd;
  close(fd);
  return result;
}

/** The bytes sent. `flags`: MSG_DONTWAIT (-EAGAIN instead of waiting), MSG_NOSIGNAL. */
export function send(fd: number, bytes: Uint8Array, flags: number): number {
  let count: number;
  do count = outcome(c_send(fd, bytes, bytes.length, flags));
  while (count === -EINTR);
  return count;
}
