// Callers in a user namespace of their own, in which they are root, and in a pid namespace besides: for the mount they are who they are
// outside. They may what the same calls may on the storage itself, neither more nor, but for what the tests name, less.

import { lstatSync, mkdirSync } from 'node:fs';
import t from 'tap';
import { all, attempts, GROUP, MEMBER, pathsIn } from './defects-support.ts';
import { isRoot, mountTest, must, run, sh, shAs, whereIs } from './support.ts';

const { uid, gid } = MEMBER;

const NAMESPACES: Record<string, string[]> = {
  'a user namespace': ['unshare', '--user', '--map-root-user'],
  'user and pid namespaces': ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--mount-proc'],
};

/** The same in the directory that it is compared with: root's, the group's, the caller's own, and a directory where anybody may make names. */
const LAID = `
  cd "$1"; chmod 777 .; umask 022
  echo secret >private; chmod 600 private; echo public >public
  echo group >group; chgrp ${GROUP} group; chmod 660 group
  mkdir closed sticky; chmod 700 closed; chmod 1777 sticky; echo x >closed/f; echo x >sticky/f
  for name in own closed-own program cut moved gone; do echo "old $name" >$name; chown ${uid}:${gid} $name; done
  chmod 000 closed-own; cp "$(type -P true)" program; chown ${uid}:${gid} program`;

const exec = (script: string) =>
  `const done = process.getBuiltinModule('child_process').spawnSync('sh', ['-c', ${JSON.stringify(script)}], {cwd: m});
   if (done.status !== 0) throw Object.assign(new Error(), { code: 'E' + String(done.stderr).trim().split(': ').at(-1) });`;

/** What root alone may. */
const ROOTS = {
  read: 'fs.readFileSync(m + "/private")',
  write: 'fs.appendFileSync(m + "/public", "x")',
  'read in a closed directory': 'fs.readFileSync(m + "/closed/f")',
  list: 'fs.readdirSync(m + "/closed")',
  'remove another’s in a sticky directory': 'fs.unlinkSync(m + "/sticky/f")',
  'rename it': 'fs.renameSync(m + "/sticky/f", m + "/sticky/g")',
  chmod: 'fs.chmodSync(m + "/public", 0o666)',
  chown: 'fs.chownSync(m + "/public", 0, 0)',
  utimes: 'fs.utimesSync(m + "/public", 1, 1)',
  link: 'fs.linkSync(m + "/private", m + "/linked")',
  'make a device': exec('mknod device c 1 3'),
  'a trusted attribute': exec('setfattr -n trusted.mark -v x own'),
  'a flag': exec('chattr +i own'),
  'a capability of another’s': exec('setcap cap_net_raw+ep public'),
};

/** What the caller may. */
const OWN = {
  'read the group’s': 'fs.readFileSync(m + "/group")',
  'write the group’s': 'fs.appendFileSync(m + "/group", "x")',
  'write his own': 'fs.appendFileSync(m + "/own", "x")',
  truncate: 'fs.truncateSync(m + "/cut", 1)',
  rename: 'fs.renameSync(m + "/moved", m + "/sticky/moved")',
  remove: 'fs.unlinkSync(m + "/gone")',
  create: 'fs.writeFileSync(m + "/made", "new")',
  'create with a set-id bit': 'fs.writeFileSync(m + "/setuid", "new"); fs.chmodSync(m + "/setuid", 0o4755)',
  mkdir: 'fs.mkdirSync(m + "/folder"); fs.writeFileSync(m + "/folder/f", "")',
  symlink: 'fs.symlinkSync("own", m + "/link")',
  chown: 'fs.chownSync(m + "/own", 0, 0)',
  'a capability': exec('setcap cap_net_raw+ep program'),
};

/** What he may on the storage itself, as root over what is his, and not on the mount, which knows him by his outer ids. */
const DEVIATES = { 'read his own that is closed to himself': 'fs.readFileSync(m + "/closed-own")' };

const user = ['--reuid', `${uid}`, '--regid', `${gid}`, '--clear-groups'];
const allowed = run('setpriv', [...user, 'unshare', '--user', '--map-root-user', 'true']).status === 0;
const skip = isRoot && !allowed ? 'users may make no user namespaces here' : false;

for (const [where, wrap] of Object.entries(NAMESPACES)) {
  for (const options of ['', 'permissions=layer']) {
    const name = `${where}${options && `, ${options}`}`;
    if (skip) t.test(name, { skip }, async () => {});
    else await compare(name, wrap, options);
  }
}

function compare(name: string, wrap: string[], options: string): Promise<unknown> {
  return mountTest(
    t,
    name,
    {
      root: true,
      options,
      needs: ['unshare', 'setpriv', 'setcap', 'setfattr', 'chattr'],
      prepare: ({ upper, lower: [lower] }) => {
        for (const layer of [lower as string, upper]) sh(`chmod 755 "$1"`, { args: [layer] });
        sh(LAID, { args: [lower as string] });
        mkdirSync(`${upper}/../plain`);
        sh(LAID, { args: [`${upper}/../plain`] });
        sh('chmod 777 "$1"', { args: [upper] });
      },
    },
    (t, m) => {
      const plain = `${m.dir}/plain`;
      const act = (dir: string, acts: Record<string, string>) => attempts(MEMBER, dir, acts, wrap);
      const refused = act(plain, ROOTS);
      t.notOk(Object.values(refused).includes('ok'), 'the storage lets nobody pass for root');
      t.same(act(m.mnt, ROOTS), refused, 'nor does the mount');
      t.same(act(plain, OWN), all(OWN, 'ok'));
      t.same(act(m.mnt, OWN), all(OWN, 'ok'), 'he may what is his');
      t.same(act(plain, DEVIATES), all(DEVIATES, 'ok'));
      t.same(act(m.mnt, DEVIATES), all(DEVIATES, 'EACCES'));

      for (const name of ['made', 'setuid', 'folder', 'folder/f', 'link', 'own', 'cut', 'program']) {
        const layer = name === 'program' ? m.lower[0] : m.upper;
        const of = ({ uid, gid, mode }: { uid: number; gid: number; mode: number }) => [uid, gid, mode];
        t.same(of(lstatSync(`${layer}/${name}`)), of(lstatSync(`${plain}/${name}`)), name);
        t.equal(lstatSync(`${layer}/${name}`).uid, uid, `${name} is his, by his outer uid`);
      }
      t.equal(whereIs(m, 'group'), 'upper', 'what he has written to has come up');
      t.equal(whereIs(m, 'private'), 'lower', 'what he may not has stayed');
      t.equal(lstatSync(`${m.upper}/group`).uid, 0);
      t.same(
        pathsIn(m.mnt).filter((path) => !pathsIn(plain).includes(path)),
        [],
      );
      // A capability that he has given holds where he is root, and nowhere else.
      const rootid = new RegExp(`cap_net_raw[+=]ep \\[rootid=${uid}\\]`);
      for (const dir of [plain, m.lower[0], m.mnt]) t.match(must('getcap', ['-n', `${dir}/program`]), rootid);
      // Inside, root is shown, and so is he: the mount tells outer ids, which the kernel maps.
      const seen = 'stat -c %u:%g "$1/made" "$1/private"';
      const inside = (dir: string) =>
        shAs(MEMBER, `${wrap.join(' ')} bash -c '${seen}' bash "$1"`, { args: [dir] });
      t.same(inside(m.mnt).stdout, inside(plain).stdout);
    },
  );
}
