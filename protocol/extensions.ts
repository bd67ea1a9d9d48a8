// The extensions at the end of a message that creates a node: the new node's security contexts, a group of the caller.
import { aligned, concatenated } from './bytes.ts';
import { FUSE_EXT_GROUPS, FUSE_MAX_NR_SECCTX } from './flags.ts';
import { fuse_ext_header, fuse_secctx, fuse_secctx_header, fuse_supp_groups } from './structs.ts';

/** One security context: an extended attribute's name as text, and its value. */
export interface SecurityContext {
  readonly name: string;
  readonly value: Uint8Array;
}

export interface Extensions {
  groups: number[] | undefined;
  securityContexts: SecurityContext[] | undefined;
}

const ascii = new TextDecoder('latin1');

/**
 * Reads the extensions that fill `start` to `end`. Kinds that are not known are passed over.
 * Returns what is wrong with them as a text, when something is.
 */
export function readExtensions(bytes: Uint8Array, start: number, end: number): Extensions | string {
  const found: Extensions = { groups: undefined, securityContexts: undefined };
  let at = start;
  while (at < end) {
    if (end - at < fuse_ext_header.size) return 'an extension ends within its header';
    const { size, type } = fuse_ext_header.decode(bytes, at);
    if (size < fuse_ext_header.size || size > end - at) {
      return `an extension of ${size} bytes in ${end - at}`;
    }
    const fault =
      type <= FUSE_MAX_NR_SECCTX
        ? readSecurityContexts(bytes, at, at + size, type, found)
        : type === FUSE_EXT_GROUPS
          ? readGroups(bytes, at + fuse_ext_header.size, at + size, found)
          : undefined;
    if (fault !== undefined) return fault;
    at += aligned(size);
  }
  return at === end ? found : 'extensions are not padded to 8 bytes';
}

function readSecurityContexts(
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  found: Extensions,
): string | undefined {
  found.securityContexts ??= [];
  let at = start + fuse_secctx_header.size;
  for (let i = 0; i < count; i++) {
    if (end - at < fuse_secctx.size) return `${count} security contexts announced, ${i} found`;
    const { size } = fuse_secctx.decode(bytes, at);
    const nameAt = at + fuse_secctx.size;
    const nameLength = bytes.subarray(nameAt, end).indexOf(0);
    if (nameLength <= 0) return 'a security context without a name';
    const valueAt = nameAt + nameLength + 1;
    if (size > end - valueAt) return `a security context of ${size} bytes in ${end - valueAt}`;
    found.securityContexts.push({
      name: ascii.decode(bytes.slice(nameAt, nameAt + nameLength)),
      value: bytes.subarray(valueAt, valueAt + size),
    });
    at += aligned(fuse_secctx.size + nameLength + 1 + size);
  }
  return undefined;
}

function readGroups(bytes: Uint8Array, start: number, end: number, found: Extensions): string | undefined {
  if (end - start < fuse_supp_groups.size) return 'a group extension without a count';
  const { nr_groups } = fuse_supp_groups.decode(bytes, start);
  const at = start + fuse_supp_groups.size;
  if (nr_groups * 4 > end - at) return `${nr_groups} groups in ${end - at} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, nr_groups * 4);
  found.groups = Array.from({ length: nr_groups }, (_, i) => view.getUint32(i * 4, true));
  return undefined;
}

/** Writes extensions, security contexts first, as the kernel does; one that is undefined is left out. */
export function encodeExtensions(
  securityContexts: readonly SecurityContext[] | undefined,
  groups: readonly number[] | undefined,
): Uint8Array {
  const blocks: Uint8Array[] = [];
  if (securityContexts !== undefined) blocks.push(...encodeSecurityContexts(securityContexts));
  if (groups !== undefined) {
    const size = aligned(fuse_ext_header.size + fuse_supp_groups.size + groups.length * 4);
    const block = new Uint8Array(size);
    fuse_ext_header.encode({ size, type: FUSE_EXT_GROUPS }, block);
    fuse_supp_groups.encode({ nr_groups: groups.length }, block, fuse_ext_header.size);
    const view = new DataView(block.buffer);
    const at = fuse_ext_header.size + fuse_supp_groups.size;
    groups.forEach((group, i) => {
      view.setUint32(at + i * 4, group, true);
    });
    blocks.push(block);
  }
  return concatenated(blocks);
}

function encodeSecurityContexts(contexts: readonly SecurityContext[]): Uint8Array[] {
  const blocks = contexts.map(({ name, value }) => {
    const block = new Uint8Array(aligned(fuse_secctx.size + name.length + 1 + value.length));
    fuse_secctx.encode({ size: value.length }, block);
    for (let i = 0; i < name.length; i++) block[fuse_secctx.size + i] = name.charCodeAt(i);
    block.set(value, fuse_secctx.size + name.length + 1);
    return block;
  });
  const header = new Uint8Array(fuse_secctx_header.size);
  const size = blocks.reduce((sum, block) => sum + block.length, header.length);
  fuse_secctx_header.encode({ size, nr_secctx: contexts.length }, header);
  return [header, ...blocks];
}
