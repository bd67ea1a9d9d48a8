// The journal of a mount: a record of everything that becomes of users' files, whatever they are called and whatever fails.

import {
  appendFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { AT_FDCWD, RENAME_EXCHANGE } from '../../src/sys/constants.ts';
import { cstring } from '../../src/sys/cstring.ts';
import { renameat2 } from '../../src/sys/path.ts';
import { decode } from '../journal/helpers.ts';
import { errnoOf, NOBODY } from './defects-support.ts';
import { added, eventsOf, filesOf, folderOf, type Json, recordsOf } from './journal-support.ts';
import { join, mountTest, sh, shAs } from './support.ts';

const inode = (path: string) => lstatSync(path).ino;

await mountTest(
  t,
  'a record of each kind of change',
  {
    prepare: ({ lower: [a] }) =>
      void sh(
        `mkdir dir dir/sub both gone; echo 12345 >file; printf 123 >cut; echo x >moves; echo x >falls; echo y >onto
         ln -s target link; echo x >one; ln one two; echo x >swap; echo x >dir/in`,
        { cwd: a as string },
      ),
  },
  (t, m) => {
    const { mnt, upper, lower } = m;
    const old = `${lower[0]}`;
    writeFileSync(`${mnt}/new`, 'new');
    const base = { uid: process.getuid?.(), result: 'ok', type: 'file' };

    const from = inode(`${old}/file`);
    let [got, ...more] = added(m, () => appendFileSync(`${mnt}/file`, '6'));
    t.match(got, {
      ...base,
      op: 'migrate',
      path: '/file',
      size: 6,
      inode: from,
      layer: old,
      source: 'removed',
    });
    t.match(got, { new_inode: inode(`${upper}/file`), ms: Number });
    t.ok(got?.copied === 6 || got?.method === 'reflink', JSON.stringify(got));
    t.same(more, []);
    t.match(got?.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    t.equal(filesOf(m).join(), `${folderOf(m)}/${got?.host}.ndjson`);

    [got, ...more] = added(m, () => writeFileSync(`${mnt}/cut`, ''));
    t.match(got, { op: 'migrate', path: '/cut', size: 3, copied: 0, method: 'none' });

    [got, ...more] = added(m, () => renameSync(`${mnt}/moves`, `${mnt}/dir/moved`));
    t.match(got, { ...base, op: 'rename', path: '/moves', new_path: '/dir/moved', layer: old });
    t.equal(got?.inode, inode(`${old}/dir/moved`));
    t.notOk('replaced' in (got as Json));

    const replaced = { type: 'file', inode: inode(`${old}/onto`), size: 2, layer: old };
    [got, ...more] = added(m, () => renameSync(`${mnt}/new`, `${mnt}/onto`));
    t.match(got, { op: 'rename', path: '/new', new_path: '/onto', layer: upper, replaced });

    writeFileSync(`${mnt}/above`, 'above');
    const fell = added(m, () => renameSync(`${mnt}/falls`, `${mnt}/above`));
    t.match(fell, [
      { op: 'migrate', path: '/falls', layer: old },
      { op: 'rename', path: '/falls', new_path: '/above', layer: upper, replaced: { size: 5 } },
    ]);

    [got, ...more] = added(m, () => renameSync(`${mnt}/dir`, `${mnt}/folder`));
    t.match(got, { ...base, op: 'rename', type: 'directory', path: '/dir', new_path: '/folder' });

    [got, ...more] = added(m, () => rmdirSync(`${mnt}/gone`));
    t.match(got, { ...base, op: 'delete', type: 'directory', path: '/gone', layer: old });

    [got, ...more] = added(m, () => unlinkSync(`${mnt}/folder/in`));
    t.match(got, { ...base, op: 'delete', path: '/folder/in', size: 2, layer: old });

    [got, ...more] = added(m, () => unlinkSync(`${mnt}/link`));
    t.match(got, { ...base, op: 'delete', type: 'symlink', path: '/link', size: 6 });

    const linked = added(m, () => {
      appendFileSync(`${mnt}/one`, 'x');
      readFileSync(`${mnt}/two`);
    });
    const names = { ...base, op: 'migrate', layer: old, new_inode: inode(`${upper}/one`) };
    t.match(linked, [
      { ...names, path: '/one' },
      { ...names, path: '/two', method: 'link', copied: 0 },
    ]);

    const swapped = added(m, () => {
      const names = [`${mnt}/swap`, `${mnt}/above`].map(cstring) as [Uint8Array, Uint8Array];
      t.equal(renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE), 0);
    });
    const [first, second] = ['above', 'swap'].map((name) => inode(`${upper}/${name}`));
    t.match(swapped, [
      { op: 'migrate', path: '/swap', new_inode: first },
      {
        op: 'exchange',
        path: '/swap',
        new_path: '/above',
        inode: first,
        layer: upper,
        exchanged: { inode: second },
      },
    ]);

    const nothing = added(m, () => {
      writeFileSync(`${mnt}/made`, 'x');
      mkdirSync(`${mnt}/made-too`);
      symlinkSync('x', `${mnt}/made-link`);
      linkSync(`${mnt}/made`, `${mnt}/made-name`);
      renameSync(`${mnt}/made`, `${mnt}/made-name`); // two names of one file: nothing happens
      t.equal(
        errnoOf(() => rmdirSync(`${mnt}/folder`)),
        'ENOTEMPTY',
      );
      t.equal(
        errnoOf(() => unlinkSync(`${mnt}/missing`)),
        'ENOENT',
      );
    });
    t.same(nothing, []);
    t.same(more, []);
    t.same(eventsOf(m), []);
  },
);

const NASTY = [
  'line\n{"time":"2026-01-31T09:30:00.000Z","op":"delete","path":"all"}',
  'quote" back\\slash %41 \t\x7f',
  'é\u202eoverride',
].map((name) => Buffer.from(name));
NASTY.push(Buffer.from([0xff, 0xfe, 0x41, 0xc3]));

await mountTest(
  t,
  'names can forge nothing, and are had back',
  {
    prepare: ({ lower: [a] }) => {
      for (const name of NASTY) writeFileSync(join(a as string, name), 'x');
    },
  },
  (t, m) => {
    for (const name of NASTY) {
      const [got, ...more] = added(m, () => unlinkSync(join(m.mnt, name)));
      t.same(more, []);
      t.same(decode(got?.path ?? ''), join('', name));
    }
    t.match(readFileSync(filesOf(m)[0] as string, 'latin1'), /^[\x20-\x7e\n]*$/);
    const shell = sh(`printf '%b' "$(sed 's/%/\\\\x/g' <<<"$1")"`, { args: [recordsOf(m)[0]?.path ?? ''] });
    t.equal(shell, `/${NASTY[0]}`, 'as the documentation says');
  },
);

await mountTest(
  t,
  'who did it; nobody sees it; without it',
  {
    root: true,
    needs: ['setpriv'],
    prepare: ({ lower: [a] }) =>
      void sh('chmod 755 .; mkdir -m 1777 all; echo x >all/root; echo x >all/his; chown 4242:4242 all/his', {
        cwd: a as string,
      }),
  },
  async (t, m) => {
    t.equal(shAs(NOBODY, 'cd "$1"; echo y >>all/his; mv all/his all/mine', { args: [m.mnt] }).status, 0);
    const done = [
      { op: 'migrate', uid: 4242, path: '/all/his', result: 'ok' },
      { op: 'rename', uid: 4242, path: '/all/his', new_path: '/all/mine', result: 'ok' },
    ];
    t.match(recordsOf(m), done);
    const refused = shAs(NOBODY, 'cd "$1"; echo y >>all/root', { args: [m.mnt] });
    t.match(refused.stderr, /denied/);
    t.equal(recordsOf(m).length, 2, 'who may not has begun nothing');
    t.notOk(existsSync(`${m.mnt}/.migratefs/journal`));
    t.match(shAs(NOBODY, 'ls "$1"', { args: [folderOf(m)] }).stderr, /denied/);
    await m.remount('journal=off');
    unlinkSync(`${m.mnt}/all/root`);
    await m.remount('ro');
    t.equal(recordsOf(m).length, 2);
    await m.remount();
    unlinkSync(`${m.mnt}/all/mine`);
    t.match(
      recordsOf(m),
      [...done, { op: 'delete', uid: 0, path: '/all/mine' }],
      'the next mount goes on in the file',
    );
    t.equal(filesOf(m).length, 1);
  },
);
