// What every call that takes a path answers to a path that does not lead anywhere.

import {
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_RDONLY,
  O_WRONLY,
  S_IFIFO,
  S_IFREG,
} from '../../../src/sys/constants.ts';
import { type Case, dir, file, symlink } from '../case.ts';
import { ALICE, type Answer, type Context } from '../context.ts';

interface Call {
  name: string;
  call: (c: Context, path: string) => Answer;
  /** Goes on to what a symlink in the last place leads to. */
  follows?: boolean;
}

const CALLS: Call[] = [
  { name: 'open', call: (c, path) => c.open(path, O_RDONLY), follows: true },
  { name: 'open with O_CREAT', call: (c, path) => c.open(path, O_WRONLY | O_CREAT), follows: true },
  { name: 'mkdir', call: (c, path) => c.mkdir(path) },
  { name: 'rmdir', call: (c, path) => c.rmdir(path) },
  { name: 'unlink', call: (c, path) => c.unlink(path) },
  { name: 'rename, the old name', call: (c, path) => c.rename(path, 'free') },
  { name: 'rename, the new name', call: (c, path) => c.rename('f', path) },
  { name: 'rename of a directory, the new name', call: (c, path) => c.rename('d', path) },
  { name: 'link, the old name', call: (c, path) => c.link(path, 'free') },
  { name: 'link, the new name', call: (c, path) => c.link('f', path) },
  { name: 'symlink', call: (c, path) => c.symlink('anything', path) },
  { name: 'readlink', call: (c, path) => c.readlink(path) },
  { name: 'mknod of a FIFO', call: (c, path) => c.mknod(path, S_IFIFO | 0o644) },
  { name: 'mknod of a file', call: (c, path) => c.mknod(path, S_IFREG | 0o644) },
  { name: 'chdir', call: (c, path) => c.chdir(path), follows: true },
  { name: 'stat', call: (c, path) => c.stat(path) as Answer, follows: true },
  { name: 'lstat', call: (c, path) => c.lstat(path) as Answer },
  { name: 'access', call: (c, path) => c.access(path, 0), follows: true },
  { name: 'truncate', call: (c, path) => c.truncate(path, 0), follows: true },
  { name: 'chmod', call: (c, path) => c.chmod(path, 0o600), follows: true },
  { name: 'chown', call: (c, path) => c.chown(path, -1, -1), follows: true },
  { name: 'lchown', call: (c, path) => c.lchown(path, -1, -1) },
  { name: 'utimensat', call: (c, path) => c.utimens(path, 'now', 'now'), follows: true },
  {
    name: 'utimensat of a symlink',
    call: (c, path) => c.utimens(path, 'now', 'now', AT_SYMLINK_NOFOLLOW),
  },
  { name: 'getxattr', call: (c, path) => c.getxattr(path, 'user.a'), follows: true },
  { name: 'llistxattr', call: (c, path) => c.llistxattr(path) },
];

interface Wrong {
  name: string;
  path: string;
  errno: string;
  user?: true;
  /** Only for calls that follow a symlink in the last place. */
  following?: true;
}

const WRONG: Wrong[] = [
  { name: 'ENOENT when a directory on the way is missing', path: 'missing/x', errno: 'ENOENT' },
  { name: 'ENOENT when the way leads through a symlink to nothing', path: 'dangling/x', errno: 'ENOENT' },
  { name: 'ENOENT when the way leads up from what is missing', path: 'd/missing/../x', errno: 'ENOENT' },
  { name: 'ENOENT for the empty path', path: '', errno: 'ENOENT' },
  { name: 'ENOTDIR when the way leads through a file', path: 'f/x', errno: 'ENOTDIR' },
  { name: 'ENOTDIR when the way leads through a symlink to a file', path: 'd/tofile/x', errno: 'ENOTDIR' },
  { name: 'ENOTDIR when the way leads up from a file', path: 'd/g/../x', errno: 'ENOTDIR' },
  { name: 'ENAMETOOLONG for a name of 256 bytes', path: `d/${'n'.repeat(256)}`, errno: 'ENAMETOOLONG' },
  { name: 'ENAMETOOLONG on the way', path: `${'n'.repeat(256)}/x`, errno: 'ENAMETOOLONG' },
  { name: 'ENAMETOOLONG for a path of 4096 bytes', path: `d/${'./'.repeat(2046)}xx`, errno: 'ENAMETOOLONG' },
  { name: 'ELOOP when symlinks lead in a circle', path: 'here/x', errno: 'ELOOP' },
  { name: 'ELOOP at the end of the way', path: 'here', errno: 'ELOOP', following: true },
  {
    name: 'EACCES when a directory on the way may not be searched',
    path: 'closed/x',
    errno: 'EACCES',
    user: true,
  },
  {
    name: 'EACCES when a symlink leads into a directory that may not be searched',
    path: 'd/intoclosed/x',
    errno: 'EACCES',
    user: true,
  },
];

export default CALLS.flatMap(({ name, call, follows }) =>
  WRONG.filter(({ following }) => !following || follows).map(
    ({ name: what, path, errno, user }): Case => ({
      name: `${name}: ${what}`,
      root: user === true,
      given: {
        '.': dir({ mode: 0o777 }),
        f: file('f', { mode: 0o666 }),
        'd/g': file('g'),
        'd/tofile': symlink('g'),
        'd/intoclosed': symlink('../closed'),
        dangling: symlink('missing'),
        here: symlink('there'),
        there: symlink('here'),
        closed: dir({ mode: 0o666 }),
        'closed/x': file('x'),
      },
      run: (c) => {
        const answer = user ? c.as(ALICE, () => call(c, path)) : call(c, path);
        c.is(typeof answer === 'object' ? 'success' : answer, errno);
        c.is(c.names(), 'closed d dangling f here there');
        c.is(c.names('d'), 'g intoclosed tofile');
      },
    }),
  ),
);
