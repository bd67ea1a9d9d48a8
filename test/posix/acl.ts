// POSIX ACLs as text, and in the form of their extended attributes.

export const ACCESS = 'system.posix_acl_access';
export const DEFAULT = 'system.posix_acl_default';
/** Tags of linux/posix_acl.h, as setfacl(1) writes them. */
const TAGS: Record<string, number> = { u: 1, user: 2, g: 4, group: 8, m: 16, o: 32 };
const NOBODY = 0xffff_ffff;

/** `u:rwx user2001:r-- g:r-x m:rwx o:---` in the kernel's form. */
export function acl(text: string): string {
  const entries = text.split(' ').filter(Boolean);
  const bytes = Buffer.alloc(4 + entries.length * 8);
  bytes.writeUInt32LE(2, 0);
  for (const [i, entry] of entries.entries()) {
    const [, tag = '', id = '', rights = ''] = /^([a-z]+)(\d*):(.*)$/.exec(entry) ?? [];
    const bits = [...'rwx'].reduce((sum, letter, k) => sum + (rights[k] === letter ? 4 >> k : 0), 0);
    bytes.writeUInt16LE(TAGS[tag] ?? 0, 4 + i * 8);
    bytes.writeUInt16LE(bits, 6 + i * 8);
    bytes.writeUInt32LE(id === '' ? NOBODY : Number(id), 8 + i * 8);
  }
  return bytes.toString('latin1');
}

/** The other way, for comparisons; an errno stays one. */
export function shown(value: string | number): string | number {
  if (typeof value === 'number') return value;
  const bytes = Buffer.from(value, 'latin1');
  const entries: string[] = [];
  for (let at = 4; at + 8 <= bytes.length; at += 8) {
    const tag = Object.keys(TAGS).find((name) => TAGS[name] === bytes.readUInt16LE(at));
    const bits = bytes.readUInt16LE(at + 2);
    const id = bytes.readUInt32LE(at + 4);
    const rights = [...'rwx'].map((letter, k) => ((bits & (4 >> k)) !== 0 ? letter : '-')).join('');
    entries.push(`${tag}${id === NOBODY ? '' : id}:${rights}`);
  }
  return entries.join(' ');
}
