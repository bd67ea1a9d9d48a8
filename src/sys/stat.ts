// Attributes as statx(2) writes them: one 256-byte buffer with the same layout on every architecture, read in place.
// 64-bit fields are given as two u32 words, to be copied into replies, and, where callers compute, as an Int64.
import { type Int64, int64, signedInt64 } from '../../protocol/types.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, STATX_BTIME } from './constants.ts';

/** struct statx of linux/stat.h. Make one and hand it to `statx` again and again; getters read the last answer. */
export class Stat {
  readonly bytes = new Uint8Array(new ArrayBuffer(256));
  readonly #words = new Uint32Array(this.bytes.buffer);

  #at(offset: number): number {
    return this.#words[offset >> 2] as number;
  }

  /** STATX_* bits: which fields the file system filled. */
  get mask(): number {
    return this.#at(0);
  }
  /** Preferred I/O size in bytes. */
  get blksize(): number {
    return this.#at(4);
  }
  /** The low word of the STATX_ATTR_* bits. */
  get attributes(): number {
    return this.#at(8);
  }
  get nlink(): number {
    return this.#at(16);
  }
  get uid(): number {
    return this.#at(20);
  }
  get gid(): number {
    return this.#at(24);
  }
  /** Type and permission bits. */
  get mode(): number {
    return this.#at(28) & 0xffff;
  }
  get inoLo(): number {
    return this.#at(32);
  }
  get inoHi(): number {
    return this.#at(36);
  }
  /** Bytes. */
  get size(): Int64 {
    return int64(this.sizeLo, this.sizeHi);
  }
  get sizeLo(): number {
    return this.#at(40);
  }
  get sizeHi(): number {
    return this.#at(44);
  }
  /** Units of 512 bytes. */
  get blocks(): Int64 {
    return int64(this.blocksLo, this.blocksHi);
  }
  get blocksLo(): number {
    return this.#at(48);
  }
  get blocksHi(): number {
    return this.#at(52);
  }

  // Times: whole seconds since 1970, rounded down (negative before), and nanoseconds 0 … 999,999,999 on top.
  get atimeSec(): Int64 {
    return signedInt64(this.atimeLo, this.atimeHi);
  }
  get atimeLo(): number {
    return this.#at(64);
  }
  get atimeHi(): number {
    return this.#at(68);
  }
  get atimeNsec(): number {
    return this.#at(72);
  }
  /** Time of birth; 0 when `mask` lacks STATX_BTIME. */
  get btimeSec(): Int64 {
    return signedInt64(this.btimeLo, this.btimeHi);
  }
  get btimeLo(): number {
    return this.#at(80);
  }
  get btimeHi(): number {
    return this.#at(84);
  }
  get btimeNsec(): number {
    return this.#at(88);
  }
  /** An i32 made of the time of birth, 0 when it is not known. */
  get birth(): number {
    if ((this.mask & STATX_BTIME) === 0) return 0;
    const hash = Math.imul(this.btimeLo, 0x9e3779b1) ^ this.btimeNsec;
    return hash === 0 ? 1 : hash;
  }
  get ctimeSec(): Int64 {
    return signedInt64(this.ctimeLo, this.ctimeHi);
  }
  get ctimeLo(): number {
    return this.#at(96);
  }
  get ctimeHi(): number {
    return this.#at(100);
  }
  get ctimeNsec(): number {
    return this.#at(104);
  }
  get mtimeSec(): Int64 {
    return signedInt64(this.mtimeLo, this.mtimeHi);
  }
  get mtimeLo(): number {
    return this.#at(112);
  }
  get mtimeHi(): number {
    return this.#at(116);
  }
  get mtimeNsec(): number {
    return this.#at(120);
  }

  get rdevMajor(): number {
    return this.#at(128);
  }
  get rdevMinor(): number {
    return this.#at(132);
  }
  /** The device that a special file stands for, in the kernel's 32-bit encoding: what FUSE and `mknodat` carry. */
  get rdev(): number {
    const minor = this.rdevMinor;
    return ((minor & 0xff) | (this.rdevMajor << 8) | ((minor & 0xfff00) << 12)) >>> 0;
  }
  /** The device that holds the file. */
  get devMajor(): number {
    return this.#at(136);
  }
  get devMinor(): number {
    return this.#at(140);
  }
  /** The low word of the mount id; 0 when `mask` lacks STATX_MNT_ID (kernels before 5.8). */
  get mountId(): number {
    return this.#at(144);
  }

  /** S_IFREG, S_IFDIR… */
  get type(): number {
    return this.mode & S_IFMT;
  }
  get isDirectory(): boolean {
    return this.type === S_IFDIR;
  }
  get isFile(): boolean {
    return this.type === S_IFREG;
  }
  get isSymlink(): boolean {
    return this.type === S_IFLNK;
  }

  /** Same device and same inode number. */
  sameObject(other: Stat): boolean {
    return (
      this.inoLo === other.inoLo &&
      this.inoHi === other.inoHi &&
      this.devMajor === other.devMajor &&
      this.devMinor === other.devMinor
    );
  }

  copyFrom(other: Stat): void {
    this.bytes.set(other.bytes);
  }
}
