// One of the processes that hammer a mount: argv: directory, own number, how many processes, seed, how many acts. Makes random
// acts on names that all share, and says on standard output what it appended to which file, and any errno that no race explains.
import fs from 'node:fs';

const [dir, self, , seed, acts] = process.argv.slice(2);
let state = Number(seed) + Number(self) * 7919;
const random = (n) => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return (state >> 8) % n;
};

/** What a name that another process takes, gives or fills may answer on any file system. */
const RACES = new Set(['ENOENT', 'EEXIST', 'ENOTEMPTY', 'EISDIR', 'ENOTDIR', 'EINVAL', 'ELOOP']);
const strange = {};
const appended = [];

const directory = () => `${dir}/d${random(6)}`;
const name = () => `${directory()}/f${random(30)}`;

const ACTS = [
  () => fs.writeFileSync(name(), `by ${self}`),
  () => fs.renameSync(name(), name()),
  () => fs.unlinkSync(name()),
  () => fs.appendFileSync(name(), `+${self}`),
  () => fs.readFileSync(name()),
  () => fs.readdirSync(directory()),
  () => fs.mkdirSync(`${directory()}/sub${random(3)}`),
  () => fs.rmdirSync(`${directory()}/sub${random(3)}`),
  () => fs.renameSync(`${directory()}/sub${random(3)}`, `${directory()}/sub${random(3)}`),
  () => fs.linkSync(name(), name()),
  () => fs.symlinkSync('x', `${name()}.link`),
  () => fs.unlinkSync(`${name()}.link`),
  () => fs.chmodSync(name(), 0o600 + random(64)),
  () => fs.truncateSync(name(), random(5000)),
  () => fs.statSync(name()),
  () => {
    // Kept files are only ever appended to: each line must be found again, once.
    const file = `keep${random(40)}`;
    const line = `${self}.${appended.length}`;
    fs.appendFileSync(`${dir}/kept/${file}`, `${line}\n`);
    appended.push([file, line]);
  },
];

for (let i = 0; i < Number(acts); i++) {
  try {
    ACTS[random(ACTS.length)]();
  } catch (error) {
    if (RACES.has(error.code)) continue;
    const what = `${error.syscall} ${error.code ?? error.message}`;
    strange[what] = (strange[what] ?? 0) + 1;
  }
}
process.stdout.write(JSON.stringify({ strange, appended }));
