// The extensions at the end of a message that creates a node: the new node's security contexts, a group of the caller.
import { FUSE_EXT_GROUPS, FUSE_MAX_NR_SECCTX } from './flags.ts';
import { fuse_ext_header, fuse_secctx, fuse_secctx_header, fuse_supp_groups } from './structs.ts';

/** One security context: an extended attribute's name as text, and its value. */
export interface SecurityContext {
  readonly name: string;
  readonly value: Uint8Array;
}

export interface Extensions {
  groups: number[] | undefined;
  readonly securityContexts: SecurityContext[];
}

const ascii = new TextDecoder('latin1');

/** Records start at multiples of 8 bytes, counted from the first. */
const aligned = (size: number) => Math.ceil(size / 8) * 8;

/**
 * Reads the extensions that fill `start` to `end`. Kinds that are not known are passed over.
 * Returns what is wrong with them as a text, when something is.
 */
export function readExtensions(bytes: Uint8Array, start: number, end: number): Extensions | string {
  const found: Extensions = { groups: undefined, securityContexts: [] };
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
