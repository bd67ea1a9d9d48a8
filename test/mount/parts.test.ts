// The small parts of mounting that need no mount: mountinfo lines, printable text, kernel versions, relations of places.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { checkMount, givenDevice, pointOf } from '../../src/mount/checks.ts';
import { checkKernel } from '../../src/mount/device-node.ts';
import { isDead } from '../../src/mount/left.ts';
import { fusermountFlags, MS } from '../../src/mount/mount-flags.ts';
import { parseOptions } from '../../src/mount/options.ts';
import { checkLayersApart, checkMountpointApart } from '../../src/mount/overlap.ts';
import { isWithin, type Place, placeOf } from '../../src/mount/place.ts';
import { messageOf, printable } from '../../src/mount/printable.ts';
import { connectionOf, mountAt, readMounts } from '../../src/sys/mountinfo.ts';

t.test('mountinfo', async (t) => {
  const file = join(t.testdir(), 'mountinfo');
  writeFileSync(
    file,
    [
      '22 1 254:1 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw',
      '40 22 0:41 /a\\040b /m\\040\\134n rw - fuse.migratefs my\\040src rw,user_id=1000,group_id=5,max_read=1',
      '41 22 0:41 / /m\\040\\134n rw - tmpfs  rw',
      'no mount at all',
      '',
    ].join('\n'),
  );
  const mounts = readMounts(file);
  t.match(mounts, [
    { id: 22, device: '254:1', root: '/', point: '/', type: 'ext4', owner: undefined },
    {
      id: 40,
      device: '0:41',
      root: '/a b',
      point: '/m \\n',
      type: 'fuse.migratefs',
      source: 'my src',
      owner: 1000,
    },
    { id: 41, type: 'tmpfs' },
  ]);
  t.equal(mounts.length, 3);
  t.equal(mountAt('/m \\n', mounts)?.id, 41, 'the last one lies on top');
  t.equal(mountAt('/m', mounts), undefined);
  t.equal(connectionOf(mounts[1]), 41);
  t.equal(connectionOf(undefined), undefined);
  t.ok(mountAt('/')?.type, "this host's own");
});

t.test('printable', async (t) => {
  t.equal(
    printable('a b/ü\n\t\r\\\x1b\x7f\x9f\u2028\u202e'),
    'a b/ü\\n\\t\\r\\\\\\x1b\\x7f\\x9f\\u2028\\u202e',
  );
  t.equal(messageOf(new Error('a\n  b\n')), 'a; b');
  t.equal(messageOf('a\x07b'), 'a\\x07b');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => !/[\p{Cc}\u2028\u2029]/u.test(printable(text))),
  );
});

t.test('kernels', async (t) => {
  for (const good of ['5.4.0', '5.14.0-503.el9.x86_64', '6.18.44', '10.0']) checkKernel(good);
  for (const old of ['5.3.18', '4.18.0-553.el8.x86_64', '3.10.0-1160.el7', '2.6.32', '']) {
    t.throws(() => checkKernel(old), { code: 'KERNEL_TOO_OLD', message: /5\.4 or later/ }, old);
  }
});

t.test('flags for fusermount3', async (t) => {
  t.same(fusermountFlags(MS.RDONLY | MS.NOEXEC | MS.LAZYTIME), ['ro', 'noexec']);
});

t.test('/dev/fd/N', async (t) => {
  t.equal(givenDevice('/dev/fd/7'), 7);
  for (const path of ['/dev/fd/', '/dev/fd/7/', 'dev/fd/7', '/dev/fd/-1', '/x/dev/fd/7'])
    t.equal(givenDevice(path), undefined);
});

t.test('places', async (t) => {
  const dir = t.testdir({ a: { in: {} }, b: {} });
  symlinkSync('a/in', join(dir, 'link'));
  const [a, inner, b, link] = ['a', 'a/in', 'b', 'link'].map((name) => placeOf(join(dir, name))) as [
    Place,
    Place,
    Place,
    Place,
  ];
  t.equal(link.path, inner.path);
  t.equal(link.given, join(dir, 'link'));
  t.equal(a.above[0], placeOf(dir).identity);
  t.equal(inner.above[0], a.identity);
  t.match(a.inFileSystem, { device: /^\d+:\d+$/, path: /\/a$/ });
  t.ok(isWithin('/a/b', '/a') && isWithin('/a', '/a') && isWithin('/a', '/') && !isWithin('/ab', '/a'));
  checkLayersApart(a, [b]);
  t.throws(() => checkLayersApart(link, [b, a]), {
    code: 'LAYERS_OVERLAP',
    message: /link lies inside lowerdir/,
  });
  checkMountpointApart(b, [{ name: 'upperdir', place: a }]);
  t.throws(() => checkMountpointApart(placeOf(dir), [{ name: 'upperdir', place: a }]), {
    code: 'MOUNTPOINT_OVERLAP',
  });
  t.equal(pointOf(join(dir, 'link')), join(dir, 'link'), 'the last part is not looked at');
  t.equal(pointOf(join(dir, 'none', 'x')), undefined);
});

t.test('bind mounts, as mountinfo tells of them', async (t) => {
  const place = (path: string, device: string, inside: string): Place => ({
    given: path,
    path,
    inFileSystem: { device, path: inside },
    identity: `${device}:${inside}`,
    above: [],
  });
  const old = place('/old', '8:1', '/data');
  t.throws(() => checkLayersApart(place('/x', '8:1', '/data/deep'), [old]), { message: /\/x lies inside/ });
  t.throws(() => checkLayersApart(place('/x', '8:1', '/'), [old]), { message: /\/x contains/ });
  t.throws(() => checkLayersApart(place('/x', '8:1', '/data'), [old]), { message: /same directory/ });
  checkLayersApart(place('/x', '8:1', '/data2'), [old]);
  checkLayersApart(place('/x', '8:2', '/data/deep'), [old]);
  const layers = [{ name: 'lowerdir', place: old }];
  checkMountpointApart(place('/scratch', '8:1', '/data'), layers);
  checkMountpointApart(place('/all', '8:1', '/'), layers);
  t.throws(() => checkMountpointApart(place('/scratch/in', '8:1', '/data/in'), layers), {
    message: /lies inside/,
  });
});

t.test('the first fault is found in a fixed order: layers, mount point', async (t) => {
  const dir = t.testdir({});
  const options = (lower: string, upper: string) =>
    parseOptions(`lowerdir=${join(dir, lower)},upperdir=${join(dir, upper)}`);
  const fails = (code: string, lower = 'old', upper = 'new', point = 'mnt') =>
    t.throws(() => checkMount(options(lower, upper), join(dir, point), true), { code });
  fails('LAYER_MISSING');
  mkdirSync(join(dir, 'old'));
  writeFileSync(join(dir, 'new'), '');
  fails('LAYER_NOT_DIRECTORY');
  fails('LAYERS_OVERLAP', 'old', 'old');
  mkdirSync(join(dir, 'up'));
  fails('MOUNTPOINT_MISSING', 'old', 'up');
  fails('MOUNTPOINT_NOT_DIRECTORY', 'old', 'up', 'new');
  fails('MOUNTPOINT_OVERLAP', 'old', 'up', 'up');
});

t.test('a path that says so is no mount whose daemon is gone', async (t) => {
  for (const name of ['Transport endpoint is not connected', ': connection abort'])
    t.notOk(isDead(join(t.testdir(), name, 'mnt')), name);
});
